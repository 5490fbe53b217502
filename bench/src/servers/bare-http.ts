/**
 * The upper bound for node:http: GET returns a text, POST its own body.
 *
 * Responses have the same length and headers as Knock's, so that both servers write the same bytes. Hence no `Connection: keep-alive`
 * and `Keep-Alive`, removed by a documented call: HTTP/1.1 is persistent without them (RFC 9112 section 9.3). Bodies are strings, as in
 * Knock's handlers; Node is faster with them, since it writes head and string at once.
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
