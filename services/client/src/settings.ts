/** What can be set on the client, and what each setting is when it is not. */
import { logSettings, milliseconds, oneOf, wholeNumber } from '@knock/shared/config/config';
import { authorityFile, certificateFile, filesAreGood, keyFile, pairRule } from '@knock/shared/config/tls-files';
import { z } from 'zod';

const MAX_COUNT = 1_000_000_000;

export const clientSettings = z
  .object({
    SERVER_HOST: z
      .string()
      .min(1, { error: 'must be a host name or an address' })
      .default('localhost')
      .describe('Compose sets `server`'),
    SERVER_PORT: wholeNumber({ min: 1, max: 65535 }).default(12000).describe('where the server listens'),
    PROTOCOL: oneOf('frames', 'text', 'http')
      .default('frames')
      .describe("`text` talks to the article's own server, `http` to any web server that takes a POST"),
    MESSAGE: z
      .string()
      .default('Hello, server')
      .describe(
        "the text of each greeting; `{client}` becomes this client's name, `{n}` its number; `load` sends it unchanged",
      ),
    INTERVAL_MS: milliseconds({ min: 0 }).default(1000).describe('from one greeting to the next'),
    COUNT: wholeNumber({ min: 0, max: MAX_COUNT })
      .default(0)
      .describe("how many greetings; 0 never ends, 1 is the article's client"),
    CONNECT_TIMEOUT_MS: milliseconds().default(4000).describe('name look-up and connect'),
    REPLY_TIMEOUT_MS: milliseconds().default(5000).describe('from a message to its reply, for each attempt'),
    DEADLINE_MS: milliseconds().default(10_000).describe('for a message, over all attempts'),
    TLS_CA_FILE: authorityFile()
      .optional()
      .describe('turns TLS on: the CA that signed the certificate of the server, which must name SERVER_HOST'),
    TLS_CERT_FILE: certificateFile()
      .optional()
      .describe('the certificate of this client, where the server asks for one'),
    TLS_KEY_FILE: keyFile().optional().describe('the key of the certificate'),
    NAME: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe("this replica's name, if not the one that the network or the machine gives it"),
    ...logSettings,
  })
  .refine(pairRule.check, pairRule.params)
  .refine(({ TLS_CERT_FILE, TLS_CA_FILE }) => TLS_CA_FILE !== undefined || TLS_CERT_FILE === undefined, {
    path: ['TLS_CERT_FILE'],
    error: 'needs TLS_CA_FILE: without it this client does not speak TLS',
    when: filesAreGood,
  });

export type ClientSettings = z.output<typeof clientSettings>;
