import os
import socket

host = os.environ.get('HOST', 'localhost')
port = int(os.environ.get('PORT', 12000))

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((host, port))
client.sendall('Hello, server'.encode())  # a string goes out as its bytes in UTF-8
reply = client.recv(1024)
print(reply.decode())  # and comes in as bytes
client.close()
