"""Waits for four items: first for all of them, then with a time-out that two of them miss."""

import asyncio
import time


async def get_item(i):
    await asyncio.sleep(0.1 * i)
    return i


def order():
    return {asyncio.create_task(get_item(i)): i for i in range(4)}


def results(tasks):
    return sorted(task.result() for task in tasks)


async def main():
    done, pending = await asyncio.wait(order())
    print("without a time-out:", results(done), "done,", len(pending), "pending")

    items = order()
    done, pending = await asyncio.wait(items, timeout=0.15)
    print("with a time-out:", results(done), "done,", len(pending), "pending")
    for task in pending:
        task.cancel()
    await asyncio.wait(pending)
    print("cancelled:", sorted(items[task] for task in pending if task.cancelled()))


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
