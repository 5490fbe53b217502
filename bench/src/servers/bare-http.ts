/**
 * What Node's HTTP can do: a GET has a text for an answer, and a POST its own body.
 *
 * Responses are as long as Knock's, byte for byte, and have the same headers, so that neither server writes more than the
 * other. For this Node's `Connection: keep-alive` and `Keep-Alive: timeout=…` are removed, by its documented call: HTTP/1.1
 * stays open without them (RFC 9112 section 9.3). Bodies are texts, since handlers of Knock are given texts, and since Node
 * is faster with them: it writes the head and a text at once.
 */
import { createServer, type ServerResponse } from 'node:http';

const [port] = process.argv.slice(2).map(Number);
createServer({ noDelay: true, keepAliveTimeout: 60_000 }, (request, response) => {
  if (request.method === 'GET') {
    answer(response, 'hello from the server!');
    return;
  }
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text: string) => (body += text));
  request.on('end', () => answer(response, body));
}).listen(port, '127.0.0.1');

function answer(response: ServerResponse, body: string): void {
  response.removeHeader('Connection');
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
