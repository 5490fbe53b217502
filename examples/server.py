import os
import socket
import sys

port = int(os.environ.get('PORT', 12000))
once = sys.argv[1:] == ['once']

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # restart without waiting for TIME_WAIT
server.bind(('', port))
server.listen()
print('listening on port', server.getsockname()[1], flush=True)

while True:
    client, address = server.accept()
    print(client.recv(1024).decode(), flush=True)
    client.sendall('hello from the server!'.encode())
    client.close()
    if once:
        break  # the program ends, which closes the listening socket
