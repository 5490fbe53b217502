/** The recorded transcripts: a file per protocol, a line per case. */
import { readFileSync, writeFileSync } from 'node:fs';

import type { Transcript } from './transcript.ts';

/** By case id. */
export type Transcripts = Readonly<Record<string, Transcript>>;

const PROTOCOLS = ['frames', 'text', 'http'];

const fileOf = (protocol: string) => new URL(`${protocol}.json`, import.meta.url);

export function readTranscripts(): Transcripts {
  const files = PROTOCOLS.map((protocol) => JSON.parse(readFileSync(fileOf(protocol), 'utf8')) as Transcripts);
  return Object.assign({}, ...files) as Transcripts;
}

/** Writes each case into the file named by its id. */
export function writeTranscripts(transcripts: Transcripts): void {
  const entries = Object.entries(transcripts);
  for (const protocol of PROTOCOLS) {
    const own = entries.filter(([id]) => id.startsWith(`${protocol}/`));
    const lines = own.map((entry) => entry.map((part) => inAscii(JSON.stringify(part))).join(': '));
    writeFileSync(fileOf(protocol), `{\n${lines.join(',\n')}\n}\n`);
  }
}

/** Escapes other characters, so that every editor and terminal shows the same. */
function inAscii(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
