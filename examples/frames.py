"""A client that speaks frames (docs/protocol.md): python3 examples/frames.py "Hello, server" "and another" """
import os
import socket
import struct
import sys

KINDS = {0: 'message', 1: 'error', 2: 'goaway'}


def frame(text):
    payload = text.encode()
    return struct.pack('>I', len(payload)) + payload  # the first of the four bytes is the kind, 0


def read(stream, length):
    payload = stream.read(length)  # blocks until all bytes have arrived, in any number of pieces
    if len(payload) < length:
        sys.exit('the server closed in the middle of a frame')
    return payload


def read_frame(stream):
    header = read(stream, 4)
    kind, length = header[0], int.from_bytes(header[1:], 'big')
    return KINDS.get(kind, f'a frame of kind {kind}'), read(stream, length).decode()


client = socket.create_connection((os.environ.get('HOST', 'localhost'), int(os.environ.get('PORT', 12000))))
stream = client.makefile('rb')
client.sendall(b''.join(frame(text) for text in sys.argv[1:]))  # replies come in the same order
for text in sys.argv[1:]:
    kind, answer = read_frame(stream)
    if kind != 'message':
        sys.exit(f'{text!r}: {kind} {answer}'.rstrip())
    print(answer)
client.close()
