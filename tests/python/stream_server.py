"""An asyncio server that answers each line with the line in capitals, and the end with the number of lines.

Prints its port, and serves until its stdin ends.
"""

import asyncio
import sys


async def serve(reader, writer):
    count = 0
    while line := await reader.readline():
        count += 1
        writer.write(line.upper())
        await writer.drain()
    writer.write(f"{count} lines\n".encode())
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
