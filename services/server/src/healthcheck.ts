/** Asks the server in this container, through its own door, whether it is alive; exit code 0 or 1. Kept tiny: it runs every 10 s. */
import { get } from 'node:http';

const { HOST: host, PORT: port = 12000 } = process.env;
const request = get({ host, port, path: '/healthz', timeout: 2000 }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.resume();
});
request.on('timeout', () => request.destroy());
request.on('error', () => (process.exitCode = 1));
