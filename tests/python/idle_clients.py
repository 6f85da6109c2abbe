"""`idle_clients.py HOST PORT COUNT`: holds COUNT connections, says so, and when its stdin ends wants a byte on each."""

import resource
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
clients = [socket.create_connection((host, port), timeout=60) for _ in range(count)]
print("connected", flush=True)
sys.stdin.read()
for client in clients:
    client.sendall(b"?")
if any(client.recv(1) != b"?" for client in clients):
    sys.exit("a connection was forgotten")
print(f"{count} answers", flush=True)
