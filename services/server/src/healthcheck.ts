/**
 * Asks the server in this container, through its own port, whether it is alive: exit code 0; or 1, and why, which
 * `docker inspect` shows. Kept tiny: it runs every few seconds.
 */
import { get } from 'node:http';

const { HOST: host, PORT: port = 12000 } = process.env;
const request = get({ host, port, path: '/healthz', timeout: 2000 }, (response) => {
  if (response.statusCode !== 200) fail(`the server answered ${response.statusCode}`);
  response.resume();
});
request.on('timeout', () => request.destroy(new Error('the server did not answer within two seconds')));
// Where a name has several addresses the error of them all has a code and no words.
request.on('error', ({ message, code }: NodeJS.ErrnoException) => fail(message || String(code)));

function fail(why: string): void {
  console.error(why);
  process.exitCode = 1;
}
