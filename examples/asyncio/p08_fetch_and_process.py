"""Fetches data in a task, does something else meanwhile, processes what came."""

import asyncio
import time


async def fetch_data():
    print("fetching")
    await asyncio.sleep(0.2)
    return [1, 2, 3]


async def process_data(data):
    await asyncio.sleep(0)
    return sum(n * n for n in data)


async def main():
    fetching = asyncio.create_task(fetch_data())
    await asyncio.sleep(0.1)
    print("something else meanwhile")
    data = await fetching
    print("fetched", data)
    print("sum of squares", await process_data(data))


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
