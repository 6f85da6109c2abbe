"""Judges a chat server: `chat_clients.py HOST PORT CLIENTS LINES`.

Everybody must see every line of everybody else, those of one sender in their order. Then one client stops reading
while another goes on talking: a third must see all of it, and the silent one is told what it missed, or is dropped.
"""

import asyncio
import sys

HOST, PORT, CLIENTS, LINES = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
LIMIT_S = 120
# More than all buffers between two sockets take, and more lines than the server keeps.
FLOOD_ROUNDS, FLOOD_LINES, FLOOD_TEXT = 60, 500, "x" * 900


async def join(name):
    reader, writer = await asyncio.open_connection(HOST, PORT, limit=1 << 20)
    writer.write(f"{name}\n".encode())
    await writer.drain()
    # From here on it hears the others.
    if await line(reader) != f"* hello {name}":
        sys.exit("FAILED: no hello")
    return reader, writer


async def line(reader):
    text = await reader.readline()
    if not text.endswith(b"\n"):
        raise EOFError(f"the stream ends with {text!r}")
    return text.decode().rstrip("\n")


async def hears(reader, number):
    """Counts the others' lines, which must come in order."""
    next_of = {}
    left = (CLIENTS - 1) * LINES
    while left:
        text = await line(reader)
        if text.startswith("* "):
            if "missed" in text:
                sys.exit(f"FAILED: client {number} reads all the time, and yet: {text}")
            continue
        name, said = text.split(": ")
        expected = next_of.get(name, 0)
        if said != f"line {expected}" or name == f"client{number}":
            sys.exit(f"FAILED: client {number} was told {text!r}, expected line {expected}")
        next_of[name] = expected + 1
        left -= 1
    if len(next_of) != CLIENTS - 1 or any(count != LINES for count in next_of.values()):
        sys.exit(f"FAILED: client {number} heard {len(next_of)} others")


async def says(writer):
    for number in range(LINES):
        writer.write(f"line {number}\n".encode())
        await writer.drain()
        await asyncio.sleep(0)


async def everybody():
    clients = await asyncio.gather(*(join(f"client{number}") for number in range(CLIENTS)))
    hearing = [asyncio.create_task(hears(reader, number)) for number, (reader, _) in enumerate(clients)]
    await asyncio.gather(*(says(writer) for _, writer in clients))
    await asyncio.gather(*hearing)
    for _, writer in clients:
        writer.close()
    print(f"{CLIENTS} clients heard {(CLIENTS - 1) * LINES} lines each, in order")


async def slow():
    hearer, hearers_writer = await join("hearer")
    slow_reader, slow_writer = await join("slow")
    talker_reader, talker = await join("talker")
    # It reads, too.
    reading = asyncio.create_task(talker_reader.read())
    # From here on nobody reads `slow_reader`, and its transport stops reading when its buffer is full.
    for round in range(FLOOD_ROUNDS):
        for number in range(FLOOD_LINES):
            talker.write(f"{round}.{number} {FLOOD_TEXT}\n".encode())
        await talker.drain()
        for number in range(FLOOD_LINES):
            text = await line(hearer)
            # Who comes and goes is told whenever its task gets to it.
            while text.endswith((" has left", " is here")):
                text = await line(hearer)
            if text != f"talker: {round}.{number} {FLOOD_TEXT}":
                sys.exit(f"FAILED: the hearer was told {text[:60]!r}")
    print(f"{FLOOD_ROUNDS * FLOOD_LINES} lines went past a client that does not read")
    talker.write(b"that is all\n")
    heard, missed, dropped = 0, 0, False
    while True:
        try:
            text = await line(slow_reader)
        except (EOFError, ConnectionError):
            dropped = True
            break
        if "missed" in text:
            missed += int(text.split()[3])
        elif text == "talker: that is all":
            break
        elif text.startswith("talker: "):
            heard += 1
    if not dropped and (missed == 0 or heard + missed < FLOOD_ROUNDS * FLOOD_LINES):
        sys.exit(f"FAILED: the slow client heard {heard} lines and was told of {missed} more")
    print("the slow client was dropped" if dropped else "the slow client was told what it missed")
    reading.cancel()
    for writer in (slow_writer, talker, hearers_writer):
        writer.close()


async def main():
    await asyncio.wait_for(everybody(), LIMIT_S)
    await asyncio.wait_for(slow(), LIMIT_S)


asyncio.run(main())
