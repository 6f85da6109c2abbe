"""Echoes each line of stdin after a while, in a task of its own. It ends with main, half a second after it
began, though stdin stays open. Stdin is a terminal or a pipe."""

import asyncio
import sys
import time


async def echo(line):
    await asyncio.sleep(0.1)
    print("echo:", line)


async def read_lines():
    lines = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    print("type some lines")
    echoes = set()
    while line := await lines.readline():
        echoes.add(asyncio.create_task(echo(line.decode().rstrip("\n"))))


async def main():
    reading = asyncio.create_task(read_lines())
    await asyncio.sleep(0.5)
    print("main ends,", "nobody types any more" if reading.done() else "stdin is open")


start = time.perf_counter()
asyncio.run(main())
print(f"took {time.perf_counter() - start:.3f} s")
