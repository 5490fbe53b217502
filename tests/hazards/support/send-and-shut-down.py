"""Sends each message on a new connection, calls shutdown(SHUT_WR), and prints all bytes that come back.

python3 send-and-shut-down.py HOST PORT HEX...
"""

import socket
import sys

host, port, *messages = sys.argv[1:]
clients = []
for message in messages:
    client = socket.create_connection((host, int(port)), timeout=5)
    client.sendall(bytes.fromhex(message))
    client.shutdown(socket.SHUT_WR)
    clients.append(client)
for client in clients:
    with client, client.makefile("rb") as replies:
        print(replies.read().hex())
