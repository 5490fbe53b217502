/** The settings of TLS: files in PEM that are read, and looked into, before anything starts. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { z } from 'zod';

/** A file in PEM (RFC 7468) that could be read, and holds what it should. */
export interface PemFile {
  path: string;
  pem: string;
}

export interface TlsFiles {
  TLS_CERT_FILE?: PemFile | undefined;
  TLS_KEY_FILE?: PemFile | undefined;
  TLS_CA_FILE?: PemFile | undefined;
}

/** A file with a certificate, and with those that vouch for it behind it. */
export function certificateFile() {
  return pemFile('a certificate', (pem) => {
    parseCertificates(pem);
    // What can be read may still be too weak to be used.
    createSecureContext({ cert: pem });
  });
}

/** A file with the certificates of those who vouch for others. */
export function authorityFile() {
  return pemFile('a certificate', parseCertificates);
}

/** Each by itself: OpenSSL stops at the first that it cannot read, and says nothing. */
function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [pem];
  return blocks.map((block) => new X509Certificate(block));
}

/** A file with a private key that needs no passphrase. */
export function keyFile() {
  return pemFile('a private key without a passphrase', createPrivateKey);
}

function pemFile(what: string, parse: (pem: string) => unknown) {
  return z
    .string()
    .transform((path, context): PemFile => {
      try {
        const pem = readFileSync(path, 'utf8');
        parse(pem);
        return { path, pem };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        const why = /^E[A-Z]+$/.test(code) ? ` that this program can read (${code})` : becauseOf(code);
        context.addIssue(`must be a file in PEM with ${what}${why}`);
        return z.NEVER;
      }
    })
    .meta({ rule: 'a file' });
}

function becauseOf(code: string): string {
  return code.startsWith('ERR_SSL_') ? ` that can be used (${code})` : '';
}

/** Whether the certificate and the key are there together or not at all, and belong together. */
export const pairRule = {
  check: ({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: key }: TlsFiles) =>
    certificate && key
      ? new X509Certificate(certificate.pem).checkPrivateKey(createPrivateKey(key.pem))
      : certificate === key,
  params: {
    path: ['TLS_KEY_FILE'],
    error: 'must be the key of TLS_CERT_FILE: both are set, or none',
    when: filesAreGood,
  },
};

/** A rule about several files is looked at when each of them is good, whatever else is wrong. */
export function filesAreGood({ issues }: { issues: readonly { path?: PropertyKey[] | undefined }[] }): boolean {
  return !issues.some(({ path = [] }) => String(path[0]).startsWith('TLS'));
}
