"""Runs the built examples as a person would, and looks at what they do.

tour          exits 0 and says something
echo ADDR     says where it listens, serves many clients at once, ends on SIGINT; a taken address is exit 1
digest FILE…  prints what sha256sum prints
tcp_proxy     brings every byte through from a `python3 -m http.server`, and survives its end
chat ADDR     tells 200 clients what the others say, in order, and lets a slow one hold up nobody
proc_pipeline FILE…  prints what a shell prints, kills what takes too long, leaves no child
cat_lines S   says each line again a second later, and ends after S seconds although its input stays open
observe A C   says where it listens, has a page for Prometheus, serves tokio-console, ends on SIGINT; a taken
              address is exit 1
"""

import asyncio
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request

EXAMPLES = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "examples")
CLIENTS = 200
ROUNDS = 20
LIMIT_S = 60


def example(name):
    return os.path.join(EXAMPLES, name)


def check(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def tour():
    done = subprocess.run([example("tour")], capture_output=True, text=True, timeout=LIMIT_S)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    check(done.returncode == 0, "tour exits with 0")
    check(done.stdout.strip(), "tour says something")


async def client(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for round in range(ROUNDS):
        message = f"client {number}, round {round}\n".encode() * (1 + number % 50)
        writer.write(message)
        await writer.drain()
        if await reader.readexactly(len(message)) != message:
            return False
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    return rest == b""


async def echo():
    server = await asyncio.create_subprocess_exec(
        example("echo"), "127.0.0.1:0", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        line = (await asyncio.wait_for(server.stdout.readline(), LIMIT_S)).decode()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        check(found, f"echo says where it listens: {line.strip()!r}")
        port = int(found.group(1))
        clients = asyncio.gather(*(client(port, number) for number in range(CLIENTS)))
        answers = await asyncio.wait_for(clients, LIMIT_S)
        check(all(answers), f"echo answers {CLIENTS} clients at once, {ROUNDS} times each")

        taken = subprocess.run(
            [example("echo"), f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=LIMIT_S
        )
        check(taken.returncode == 1, "a taken address is exit code 1")
        check("in use" in taken.stderr, f"and the reason is on stderr: {taken.stderr.strip()!r}")
        check("panicked" not in taken.stderr, "and it is no panic")

        server.send_signal(signal.SIGINT)
        await asyncio.wait_for(server.wait(), LIMIT_S)
        print(f"ok: echo ends on SIGINT ({server.returncode})")
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


def digest():
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, size in enumerate([0, 1, 63, 64, 65, 4096, 1 << 20, (5 << 20) + 3]):
            paths.append(os.path.join(folder, f"file-{number}"))
            with open(paths[-1], "wb") as file:
                file.write(hashlib.shake_128(bytes([number])).digest(size))
        ours = subprocess.run([example("digest"), *paths], capture_output=True, text=True, timeout=LIMIT_S)
        theirs = subprocess.run(["sha256sum", *paths], capture_output=True, text=True, check=True)
        check(ours.returncode == 0, f"digest exits with 0: {ours.stderr.strip()!r}")
        check(ours.stdout.split() == theirs.stdout.split(), "digest prints what sha256sum prints")
        missing = os.path.join(folder, "missing")
        lost = subprocess.run([example("digest"), missing], capture_output=True, text=True, timeout=LIMIT_S)
        check(lost.returncode == 1, "digest of a missing file is exit code 1")
        check("panicked" not in lost.stderr, f"and no panic: {lost.stderr.strip()!r}")


def judged(script, *arguments):
    done = subprocess.run([sys.executable, os.path.join("tests", "python", script), *arguments], timeout=5 * LIMIT_S)
    check(done.returncode == 0, f"{script} is content")


def tcp_proxy():
    judged("proxy_judge.py", example("tcp_proxy"))


def chat():
    server = subprocess.Popen([example("chat"), "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        check(found, f"chat says where it listens: {line.strip()!r}")
        judged("chat_clients.py", "127.0.0.1", found.group(1), str(CLIENTS), str(ROUNDS))
        server.send_signal(signal.SIGINT)
        check(server.wait(LIMIT_S) == 0, "chat ends on SIGINT")
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def observe():
    with tempfile.TemporaryDirectory() as folder:
        console = os.path.join(folder, "console")
        server = subprocess.Popen([example("observe"), "127.0.0.1:0", console], stdout=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            check(found, f"observe says where it listens: {line.strip()!r}")
            address = found.group(0)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=LIMIT_S) as page:
                kind, text = page.headers["Content-Type"], page.read().decode()
            check(kind == "text/plain; version=0.0.4", f"/metrics is for Prometheus: {kind}")
            check("\nruntime_tasks_alive 2\n" in text, "and has figures")
            until = time.monotonic() + LIMIT_S
            while not os.path.exists(console) and time.monotonic() < until:
                time.sleep(0.01)
            check(stat.S_ISSOCK(os.stat(console).st_mode), "tokio-console is served")
            taken = subprocess.run(
                [example("observe"), address, console + "2"], capture_output=True, text=True, timeout=LIMIT_S
            )
            check(taken.returncode == 1 and "in use" in taken.stderr, f"a taken address is exit code 1: {taken.stderr.strip()!r}")
            server.send_signal(signal.SIGINT)
            check(server.wait(LIMIT_S) == 0, "observe ends on SIGINT")
        finally:
            server.kill()
            server.wait()


def children_of(parent):
    """Dead or alive."""
    children = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(") ", 1)[1].split()[1] == str(parent):
                    children.append(pid)
        except OSError:
            pass  # it has gone meanwhile
    return children


def proc_pipeline():
    shell = subprocess.run("gzip -nc <Cargo.lock | sha256sum", shell=True, capture_output=True, text=True, check=True)
    command = [example("proc_pipeline"), "--stay", "--within", "1", "Cargo.lock", "/dev/zero"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ours:
        lines = list(iter(lambda: ours.stdout.readline().rstrip("\n"), "done"))
        check(lines == ["Cargo.lock: " + shell.stdout.rstrip("\n")], "proc_pipeline prints what a shell prints")
        children = children_of(ours.pid)
        check(not children, "it has no children left, not even zombies")
        ours.send_signal(signal.SIGINT)
        killed = ours.stderr.read()
        check("/dev/zero: killed after 1s" in killed, f"it kills what takes too long: {killed.strip()!r}")
    check(ours.returncode == 124, "and its exit code is 124")


def cat_lines():
    pipe = f"(printf 'a\\nb\\n'; sleep 4) | ({example('cat_lines')} 2; echo \"exit $?\"; date +%s)"
    start = int(time.time())
    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, timeout=LIMIT_S)
    *said, ended = done.stdout.split("\n")[:-1]
    check(sorted(said[:2]) == ["a", "b"] and said[2:] == ["exit 0"], f"cat_lines says its lines: {said}")
    check(int(ended) <= start + 3, "cat_lines ends although its input stays open")
    whole = subprocess.run([example("cat_lines")], input="x\ny", capture_output=True, text=True, timeout=LIMIT_S)
    check(sorted(whole.stdout) == sorted("x\ny"), f"cat_lines waits for its echoes: {whole.stdout!r}")


tour()
asyncio.run(echo())
digest()
tcp_proxy()
chat()
proc_pipeline()
cat_lines()
observe()
