"""A thousand asyncio clients of the example `echo`, all connected at once.

usage: echo_client.py HOST PORT [CLIENTS]

Every client sends messages of its own, of several sizes, and wants each one back unchanged. Then all
half-close and want the end of the stream. Prints one line; exits with 1 if anything was wrong.
"""

import asyncio
import sys

SIZES = [1, 17, 1024, 60_000]
LIMIT_S = 60


async def main(host, port, clients):
    connected = 0
    everybody = asyncio.Event()

    async def client(number):
        nonlocal connected
        reader, writer = await asyncio.open_connection(host, port)
        connected += 1
        if connected == clients:
            everybody.set()
        await everybody.wait()
        echoed = 0
        for size in SIZES:
            message = (f"client {number} size {size} ".encode() * size)[:size]
            # Read while writing: a server that waits for us to read must not be waited for.
            back, _ = await asyncio.gather(reader.readexactly(size), send(writer, message))
            if back != message:
                raise ValueError(f"client {number}: {size} bytes came back changed")
            echoed += size
        writer.write_eof()
        if rest := await reader.read():
            raise ValueError(f"client {number}: {len(rest)} bytes too many")
        writer.close()
        return echoed

    async def send(writer, message):
        writer.write(message)
        await writer.drain()

    echoed = await asyncio.gather(*(client(number) for number in range(clients)))
    print(f"{len(echoed)} clients, {sum(echoed)} bytes")


if __name__ == "__main__":
    host, port = sys.argv[1], int(sys.argv[2])
    clients = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    asyncio.run(asyncio.wait_for(main(host, port, clients), LIMIT_S))
