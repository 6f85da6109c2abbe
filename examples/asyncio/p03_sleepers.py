"""Ten tasks sleep for random times: they end in the order of these times, when the longest is over."""

import asyncio
import time

# Drawn by lot once, so that every run shows the same.
SLEEPS = [0.34, 0.10, 0.46, 0.22, 0.30, 0.14, 0.42, 0.26, 0.38, 0.18]


async def sleeper(number, seconds):
    await asyncio.sleep(seconds)
    print(f"task {number} slept for {seconds:.2f} s")


async def main():
    tasks = [asyncio.create_task(sleeper(number, s)) for number, s in enumerate(SLEEPS)]
    for task in tasks:
        await task
    print(f"all {len(tasks)} ended")


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
