"""Judges a TCP proxy: `proxy_judge.py PROXY-PROGRAM`, with `python3 -m http.server` behind it.

What comes through must be what the backend has; a backend that dies is the end of its clients' connections, and of
nothing else.
"""

import concurrent.futures
import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT_S = 60
FILES = {"empty": 0, "small": 17, "large": (3 << 20) + 1}
HUGE_BYTES = 256 << 20


def fail(what):
    sys.exit(f"FAILED: {what}")


def start_backend(folder, port):
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder]
    backend = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S).close()
            return backend
        except ConnectionRefusedError:
            time.sleep(0.02)
    fail("the backend does not start")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def get(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", f"/{name}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def all_files(port, folder):
    """Many clients at once; every byte must be right."""
    def one(number):
        name = list(FILES)[number % len(FILES)]
        status, body = get(port, name)
        with open(os.path.join(folder, name), "rb") as file:
            return status == 200 and body == file.read()

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        if not all(pool.map(one, range(60))):
            fail("what came through is not what the backend has")


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        for name, size in FILES.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(hashlib.shake_128(name.encode()).digest(size))
        with open(os.path.join(folder, "huge"), "wb") as file:
            file.truncate(HUGE_BYTES)
        port = free_port()
        backend = start_backend(folder, port)
        command = [program, "127.0.0.1:0", f"127.0.0.1:{port}"]
        proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            found = re.fullmatch(r"tcp_proxy: listening on 127\.0\.0\.1:(\d+)\n", proxy.stdout.readline())
            if not found:
                fail("it does not say where it listens")
            front = int(found.group(1))
            all_files(front, folder)
            print("60 requests, 16 at a time, came through byte by byte")

            connection = http.client.HTTPConnection("127.0.0.1", front, timeout=LIMIT_S)
            connection.request("GET", "/huge")
            answer = connection.getresponse()
            answer.read(1 << 20)
            idle = socket.create_connection(("127.0.0.1", front), timeout=LIMIT_S)
            idle.sendall(b"GET /small HTTP/1.0\r\n")
            backend.kill()
            backend.wait()
            try:
                answer.read()
                fail("the whole file came, from a dead backend")
            except (http.client.IncompleteRead, ConnectionError):
                print("a client in the middle of a file sees the end")
            try:
                if idle.recv(1):
                    fail("a dead backend answered")
            except ConnectionError:
                pass
            print("a client in the middle of a request sees the end")
            try:
                get(front, "small")
                fail("there is no backend, and yet an answer")
            except (http.client.HTTPException, ConnectionError):
                print("without a backend a client sees the end at once")

            backend = start_backend(folder, port)
            all_files(front, folder)
            print("with a new backend it serves on")

            proxy.send_signal(signal.SIGINT)
            said, complained = proxy.communicate(timeout=LIMIT_S)
            if proxy.returncode != 0:
                fail(f"it ended with {proxy.returncode}: {said}{complained}")
            if "panicked" in complained:
                fail(complained)
            print("Ctrl-C ends it")
        finally:
            backend.kill()
            backend.wait()
            if proxy.poll() is None:
                proxy.kill()
                proxy.wait()


main(sys.argv[1])
