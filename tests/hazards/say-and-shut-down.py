"""Says each of some messages on a connection of its own, shuts its side down at once, and prints all that comes back.

python3 say-and-shut-down.py HOST PORT HEX...
"""

import socket
import sys

host, port, *messages = sys.argv[1:]
callers = []
for message in messages:
    caller = socket.create_connection((host, int(port)), timeout=5)
    caller.sendall(bytes.fromhex(message))
    caller.shutdown(socket.SHUT_WR)
    callers.append(caller)
for caller in callers:
    with caller, caller.makefile("rb") as replies:
        print(replies.read().hex())
