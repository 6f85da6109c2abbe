"""Two tasks are made first and awaited later: they run at the same time."""

import asyncio
import time


async def say_after(seconds, what):
    await asyncio.sleep(seconds)
    print(what)
    return len(what)


async def main():
    hello = asyncio.create_task(say_after(0.1, "hello"))
    world = asyncio.create_task(say_after(0.2, "world"))
    print("both started")
    print("letters:", await hello + await world)


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
