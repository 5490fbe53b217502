"""A horde of clients as no program of Node can be: their kernel takes no more than some 2 KiB for them.

python3 horde.py HOST PORT PLAN

PLAN is JSON, a list of groups of clients:
  count    how many they are
  opening  what each says first, as far as its kernel takes it at once: pieces of [text, times], a byte for a character;
           #### becomes the number of the client
  everyMs  how often it does what comes next; without it, it does nothing more
  takes    how many bytes it reads, a few hundred each time, before it stops reading for ever
  drip     what it says then, over and over, in pieces as above

Prints "all are there" when all have connected; and, for each of those with `takes`, its number and the time, in
milliseconds since 1970, at which it took the last of them. The clients stay until the program is ended.
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


def call(host, port, number, group):
    """One client: does something, and yields for how many seconds it waits then."""
    with socket.socket() as client:
        # Before it connects: an advertised window cannot be taken back.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        client.connect((host, port))
        client.setblocking(False)
        try:
            yield from behave(client, number, group)
        except ConnectionError:
            pass  # The server has given it up.


def behave(client, number, group):
    every = group.get("everyMs", 0) / 1000
    say(client, number, group["opening"])
    if "takes" in group:
        yield from take(client, group["takes"], every)
        print(number, time.time() * 1000, flush=True)
    while "drip" in group:
        yield every
        say(client, number, group["drip"])
    yield FOR_EVER


def say(client, number, pieces):
    text = "".join(text * times for text, times in pieces)
    try:
        client.send(text.replace("####", f"{number:04}").encode("latin-1"))
    except BlockingIOError:
        pass


def take(client, count, seconds):
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
        (began + number / CLIENTS_PER_SECOND, number, call(host, port, number, group))
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
                print("all are there", flush=True)


main()
