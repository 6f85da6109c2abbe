"""Says hello, sleeps, says world."""

import asyncio
import time


async def main():
    print("hello")
    await asyncio.sleep(0.1)
    print("world")


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
