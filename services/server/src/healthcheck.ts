/**
 * The image's health check: requests `/healthz` from the server in this container. Exit code 0, or 1 with the reason, which
 * `docker inspect` shows. It is tiny because it runs every few seconds.
 */
import { get } from 'node:http';

const { HOST: host, PORT: port = 12000 } = process.env;
const request = get({ host, port, path: '/healthz', timeout: 2000 }, (response) => {
  if (response.statusCode !== 200) fail(`unhealthy: HTTP ${response.statusCode}`);
  response.resume();
});
request.on('timeout', () => request.destroy(new Error('no response within 2000 ms')));
// If a name has several addresses, Node's AggregateError has a code and an empty message.
request.on('error', ({ message, code }: NodeJS.ErrnoException) => fail(message || String(code)));

function fail(why: string): void {
  console.error(why);
  process.exitCode = 1;
}
