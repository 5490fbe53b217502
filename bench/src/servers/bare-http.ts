/** What Node's HTTP can do: the body of each request goes back as it came. */
import { createServer } from 'node:http';

const [port] = process.argv.slice(2).map(Number);
createServer({ noDelay: true, keepAliveTimeout: 60_000 }, (request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (bytes: Buffer) => pieces.push(bytes));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': body.length,
    });
    response.end(body);
  });
}).listen(port, '127.0.0.1');
