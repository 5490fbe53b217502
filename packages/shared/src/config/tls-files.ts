/** The TLS settings: PEM files, read and checked before anything starts. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import { z } from 'zod';

/** A PEM file (RFC 7468) that was read and checked. */
export interface PemFile {
  path: string;
  pem: string;
}

export interface TlsFiles {
  TLS_CERT_FILE?: PemFile | undefined;
  TLS_KEY_FILE?: PemFile | undefined;
  TLS_CA_FILE?: PemFile | undefined;
}

/** A file with a certificate, followed by its chain. */
export function certificateFile() {
  return pemFile('a certificate', (pem) => {
    parseCertificates(pem);
    // A certificate that parses may still be too weak for OpenSSL.
    createSecureContext({ cert: pem });
  });
}

/** A file with CA certificates. */
export function authorityFile() {
  return pemFile('a certificate', parseCertificates);
}

/** Parses each certificate separately: OpenSSL silently stops at the first invalid one. */
function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [pem];
  return blocks.map((block) => new X509Certificate(block));
}

/** A file with a private key without a passphrase. */
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
        const why = /^E[A-Z]+$/.test(code) ? `: cannot be read (${code})` : opensslReason(code);
        context.addIssue(`must be a PEM file with ${what}${why}`);
        return z.NEVER;
      }
    })
    .meta({ rule: 'a file' });
}

function opensslReason(code: string): string {
  return code.startsWith('ERR_SSL_') ? `: cannot be used (${code})` : '';
}

/** Certificate and key belong together, and neither is set alone. */
export const pairRule = {
  check: ({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: key }: TlsFiles) =>
    certificate && key
      ? new X509Certificate(certificate.pem).checkPrivateKey(createPrivateKey(key.pem))
      : certificate === key,
  params: {
    path: ['TLS_KEY_FILE'],
    error: 'must be the private key of TLS_CERT_FILE: set both, or neither',
    when: filesAreGood,
  },
};

/** Rules about several files are checked only if each file is valid by itself. */
export function filesAreGood({ issues }: { issues: readonly { path?: PropertyKey[] | undefined }[] }): boolean {
  return !issues.some(({ path = [] }) => String(path[0]).startsWith('TLS'));
}
