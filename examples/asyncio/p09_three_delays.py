"""Three tasks with three delays, taken as they end: in the time of the longest."""

import asyncio
import time


async def delayed(name, units):
    await asyncio.sleep(0.1 * units)
    return f"{name} after {0.1 * units:.1f} s"


async def main():
    tasks = [asyncio.create_task(delayed(name, units)) for name, units in [("c", 3), ("a", 1), ("b", 2)]]
    for next_done in asyncio.as_completed(tasks):
        print(await next_done)


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
