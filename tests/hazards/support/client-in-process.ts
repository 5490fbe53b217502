/** The real client in this process, so that a test sees each outcome immediately. */
import { Client } from '@knock/client/delivery/client';
import { clientSettings, type ClientSettings } from '@knock/client/settings';
import { createLog } from '@knock/shared/log/log';

const SHIPPED = clientSettings.parse({});
const { logger } = createLog({ level: 'silent', format: 'json', name: 'client' });

/** A client of the server at `port`, with default settings except for `changes`. */
export function clientOf(
  { host = '127.0.0.1', port }: { host?: string; port: number },
  changes: Partial<ClientSettings> = {},
): Client {
  return new Client({ ...SHIPPED, SERVER_HOST: host, SERVER_PORT: port, ...changes }, logger);
}
