/**
 * Makes certificates for tests and demos, never for production: a CA, and a server and a client certificate that it signs.
 * Run as a program, it writes them to `certificates/`, or to the directory in `KNOCK_CERTIFICATES`.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { generate } from 'selfsigned';

/** A certificate and its private key, both in PEM. */
export interface Pair {
  cert: string;
  key: string;
}

const DAY_MS = 86_400_000;
const KIND = { keyType: 'ec', algorithm: 'sha256' } as const;
/** The server's host names: in the demo and on Swarm, and on this machine. */
const SERVER_NAMES = ['server', 'localhost'];

export class Authority {
  readonly #pair: Pair;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  static async create(name = 'Knock test authority'): Promise<Authority> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      ...KIND,
      notAfterDate: inDays(365),
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
    return new Authority({ cert, key });
  }

  /** The CA certificate: peers that have it trust what it signs. */
  get cert(): string {
    return this.#pair.cert;
  }

  /** A pair for servers and clients. `days` of validity; negative: already expired. */
  async sign(name: string, { names = [name], days = 365 } = {}): Promise<Pair> {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      ...KIND,
      notBeforeDate: inDays(Math.min(0, days) - 1),
      notAfterDate: inDays(days),
      ca: this.#pair,
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        {
          name: 'subjectAltName',
          altNames: [...names.map((value) => ({ type: 2, value }) as const), { type: 7, ip: '127.0.0.1' }],
        },
      ],
    });
    return { cert, key };
  }
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}

/**
 * Writes all files. Compose mounts them with their owner and mode, and the container's user is not the owner: files are
 * readable by all, and the directory by its owner only.
 */
export async function writeCertificates(directory: string): Promise<void> {
  const authority = await Authority.create();
  const server = await authority.sign('server', { names: SERVER_NAMES });
  const client = await authority.sign('client');
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o700);
  const files = {
    'ca.crt': authority.cert,
    'server.crt': server.cert,
    'server.key': server.key,
    'client.crt': client.cert,
    'client.key': client.key,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o644);
  }
}

if (import.meta.main) {
  const { KNOCK_CERTIFICATES: directory = 'certificates' } = process.env;
  await writeCertificates(directory);
  console.log(`wrote certificates for a year to ${directory}/: ca.crt, server.crt, server.key, client.crt, client.key`);
}
