"""A and B one after the other, C and D at the same time."""

import asyncio
import time


async def work(name):
    await asyncio.sleep(0.1)
    return f"{name} done"


async def main():
    start = time.perf_counter()
    print(await work("A"))
    print(await work("B"))
    print(f"in turn: {time.perf_counter() - start:.1f} s")

    start = time.perf_counter()
    for line in await asyncio.gather(work("C"), work("D")):
        print(line)
    print(f"together: {time.perf_counter() - start:.1f} s")


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
