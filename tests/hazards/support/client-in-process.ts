/** The real client in this process, so that a test sees each of its outcomes at the moment in which it is given. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings, type ClientSettings } from '@knock/client/settings';
import { createLog } from '@knock/shared/log/log';

const SHIPPED = clientSettings.parse({});
const { logger } = createLog({ level: 'silent', format: 'json', name: 'client' });

/** A client of the server at `port`, with the settings as they are shipped but for `changes`. */
export function clientOf(
  { host = '127.0.0.1', port }: { host?: string; port: number },
  changes: Partial<ClientSettings> = {},
): Client {
  return new Client({ ...SHIPPED, SERVER_HOST: host, SERVER_PORT: port, ...changes }, logger);
}
