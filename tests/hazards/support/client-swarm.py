"""A swarm of hostile clients with receive buffers of about 2 KiB, which Node cannot set.

python3 client-swarm.py HOST PORT PLAN

PLAN is JSON, a list of groups of clients:
  count    number of clients
  opening  sent first, as far as the kernel accepts it at once: pieces of [text, times] in Latin-1;
           #### becomes the number of the client
  everyMs  the interval of the following actions
  takes    bytes to read, a few hundred each time, before it stops reading
  drip     sent then, repeatedly, in pieces as above

Prints "all connected"; and, for each client with `takes`, its number and the time of its last read, in milliseconds since
1970. The clients stay connected until the program is stopped.
"""

import heapq
import json
import socket
import sys
import time

RECEIVE_BUFFER = 2048
BITE = 512
# TIME_WAIT keeps a port for a minute, and there are 28 000 ephemeral ports.
CLIENTS_PER_SECOND = 400
FOR_EVER = 1e6


def run(host, port, number, group):
    """One client: acts, and yields the seconds until its next action."""
    with socket.socket() as client:
        # Before it connects: an advertised window cannot be taken back.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        client.connect((host, port))
        client.setblocking(False)
        try:
            yield from behave(client, number, group)
        except ConnectionError:
            pass  # The server has disconnected it.


def behave(client, number, group):
    every = group.get("everyMs", 0) / 1000
    send(client, number, group["opening"])
    if "takes" in group:
        yield from read(client, group["takes"], every)
        print(number, time.time() * 1000, flush=True)
    while "drip" in group:
        yield every
        send(client, number, group["drip"])
    yield FOR_EVER


def send(client, number, pieces):
    text = "".join(text * times for text, times in pieces)
    try:
        client.send(text.replace("####", f"{number:04}").encode("latin-1"))
    except BlockingIOError:
        pass


def read(client, count, seconds):
    while count > 0:
        yield seconds
        try:
            count -= len(client.recv(min(BITE, count)))
        except BlockingIOError:
            pass


def main():
    host, port, plan = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    groups = [group for group in plan for _ in range(group["count"])]
    began = time.monotonic()
    due = [
        (began + number / CLIENTS_PER_SECOND, number, run(host, port, number, group))
        for number, group in enumerate(groups)
    ]
    missing = set(range(len(groups)))
    while True:
        when, number, client = heapq.heappop(due)
        time.sleep(max(0, when - time.monotonic()))
        heapq.heappush(due, (time.monotonic() + next(client, FOR_EVER), number, client))
        if number in missing:
            missing.remove(number)
            if not missing:
                print("all connected", flush=True)


main()
