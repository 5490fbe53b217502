import { MAX_PAYLOAD_BYTES } from '@knock/shared/codec/frames';
/** What can be set on the server, and what each setting is when it is not. */
import { logSettings, milliseconds, oneOf, wholeNumber } from '@knock/shared/config/config';
import { authorityFile, certificateFile, filesAreGood, keyFile, pairRule } from '@knock/shared/config/tls-files';
import { z } from 'zod';

import { parseTrustedProxies } from './net/trusted-proxies.ts';

export const serverSettings = z
  .object({
    HOST: z.string().optional().describe('the address to listen on; all interfaces if it is not set'),
    PORT: wholeNumber({ min: 0, max: 65535 }).default(12000).describe('0 takes any free port'),
    ACCEPT: oneOf('forever', 'once')
      .default('forever')
      .describe(
        '`once`: serve the first client that sends a message, then end, as the first server of the article does',
      ),
    REPLY: z
      .string()
      .default('hello from the server!')
      .describe("what the default handler answers; `{server}` becomes the server's name, `{message}` the message"),
    REPLY_DELAY_MS: milliseconds({ min: 0 })
      .default(0)
      .describe('the handler waits so long before it replies, to show timeouts, pipelining and drain at work'),
    MAX_MESSAGE_BYTES: wholeNumber({ min: 1, max: MAX_PAYLOAD_BYTES }).default(65536).describe('in every protocol'),
    MAX_CONNECTIONS: wholeNumber({ min: 1, max: 1_000_000 })
      .default(1000)
      .describe('clients above it get `busy`, 32 at once; never above the descriptor limit less 128, nor below 1'),
    MAX_CONNECTIONS_PER_ADDRESS: wholeNumber({ min: 0, max: 1_000_000 })
      .default(0)
      .describe('clients of one address above it get `busy`; 0: no limit'),
    TRUSTED_PROXIES: z
      .string()
      .default('')
      .transform((entries, context) => {
        try {
          return parseTrustedProxies(entries);
        } catch (error) {
          context.addIssue((error as RangeError).message);
          return z.NEVER;
        }
      })
      .describe(
        'addresses and CIDRs of proxies, separated by commas: their connections must begin with a PROXY header',
      ),
    FIRST_BYTE_TIMEOUT_MS: milliseconds().default(30_000).describe('for a client that sends nothing'),
    MESSAGE_TIMEOUT_MS: milliseconds().default(10_000).describe("from a message's first byte to its last"),
    HANDLER_TIMEOUT_MS: milliseconds().default(30_000).describe('from a message to its reply'),
    IDLE_TIMEOUT_MS: milliseconds().default(60_000).describe('between messages; HTTP keep-alive too'),
    WRITE_TIMEOUT_MS: milliseconds().default(10_000).describe('for a client that does not read'),
    DRAIN_TIMEOUT_MS: milliseconds()
      .default(8000)
      .describe('for the messages that are being answered when the server begins to drain'),
    TEXT_IDLE_MS: milliseconds().default(250).describe('the pause that ends a text message without a line end'),
    LIVE_PAGE: oneOf('on', 'off')
      .default('off')
      .describe('the live page: it shows what clients send to everybody who can connect'),
    ALLOWED_HOSTS: z
      .string()
      .default('')
      .transform((names) =>
        names
          .split(',')
          .map((name) => name.trim().toLowerCase())
          .filter(Boolean),
      )
      .describe('names with a dot that HTTP clients may use for this server, separated by commas'),
    TLS_CERT_FILE: certificateFile()
      .optional()
      .describe('the certificate of the server: with its key, it turns TLS on'),
    TLS_KEY_FILE: keyFile().optional().describe('the key of the certificate'),
    TLS_CA_FILE: authorityFile().optional().describe('the CA that must have signed the certificate of every client'),
    TLS: oneOf('required', 'optional')
      .optional()
      .describe(
        'required where there is a certificate; `optional`: clients without TLS are served as well. Those of the machine itself may always ask for its health',
      ),
    PUBLISHED_PORT: z
      .string()
      .optional()
      .describe('the port under which people reach this server, where it is another one; only the log names it'),
    NAME: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe("this replica's name, if not the one that the network or the machine gives it"),
    ...logSettings,
  })
  .refine(pairRule.check, pairRule.params)
  .refine(({ TLS_CA_FILE, TLS_CERT_FILE }) => TLS_CERT_FILE !== undefined || TLS_CA_FILE === undefined, {
    path: ['TLS_CA_FILE'],
    error: 'needs TLS_CERT_FILE and TLS_KEY_FILE: without them no client speaks TLS',
    when: filesAreGood,
  })
  .refine(({ TLS_CERT_FILE, TLS }) => TLS_CERT_FILE !== undefined || TLS === undefined, {
    path: ['TLS'],
    error: 'needs TLS_CERT_FILE and TLS_KEY_FILE: without them no client speaks TLS',
    when: filesAreGood,
  })
  .refine(({ TLS_CA_FILE, TLS }) => TLS_CA_FILE === undefined || TLS !== 'optional', {
    path: ['TLS'],
    error: 'must be required where TLS_CA_FILE is set: clients without TLS have no certificate',
    when: filesAreGood,
  });

export type ServerSettings = z.output<typeof serverSettings>;
