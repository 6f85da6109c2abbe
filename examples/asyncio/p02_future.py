"""Waits for a future whose result another task sets."""

import asyncio
import time


async def answer_later(answer):
    await asyncio.sleep(0.1)
    answer.set_result(42)


async def main():
    answer = asyncio.get_running_loop().create_future()
    answering = asyncio.create_task(answer_later(answer))
    print("the answer is", "there" if answer.done() else "not there yet")
    print("the answer is", await answer)
    await answering


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
