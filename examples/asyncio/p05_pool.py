"""Six blocking jobs in a pool of three threads: two rounds, and the results in the order of the jobs."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor


def square(n):
    time.sleep(0.05)
    return n * n


async def main():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=3) as pool:
        jobs = [loop.run_in_executor(pool, square, n) for n in range(6)]
        print(await asyncio.gather(*jobs))


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
