/** Plays a case against the real server in memory, and records the result. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

import type { Logger } from '@knock/shared/log/log';

import { InMemoryServer } from '../hazards/support/in-memory.ts';
import { type Case, DRAIN } from './case.ts';
import { handler } from './handler.ts';
import { beginsWithResponse, type HttpResponse, responsesIn } from './responses.ts';

export interface Transcript {
  /** Messages that the handler got. */
  heard?: string[];
  /** All bytes from the server: as text in a line protocol, else in hexadecimal. */
  sent?: string;
  /** All responses, in HTTP. */
  responses?: HttpResponse[];
  protocol?: string;
  reason?: string;
  messages?: number;
  /** Error replies by code. */
  errorReplies?: Record<string, number>;
  bytesIn?: number;
  /** Not in HTTP, where it depends on irrelevant header fields. */
  bytesOut?: number;
  /** How long the connection was open, on the server's clock. */
  ms?: number;
  /** The server threw, or never closed the connection; then the only field. */
  failure?: string;
}

/** The log line at the end of a connection. */
interface LogLine {
  protocol?: string;
  reason: string;
  messages: number;
  errorReplies?: Record<string, number>;
  bytesIn: number;
  bytesOut: number;
}

/** By case id. Deterministic: time passes only for the server's timers. */
export async function transcriptsOf(cases: readonly Case[]): Promise<Record<string, Transcript>> {
  const transcripts = new Map<Case, Transcript>();
  for (const group of groupsOf(cases)) {
    const log = new EndLog();
    await using server = await InMemoryServer.start({ ...group[0]!.settings, handler, logger: log.logger });
    for (const one of group) transcripts.set(one, await transcriptOf(one, server, log));
  }
  return Object.fromEntries(cases.map((one) => [one.id, transcripts.get(one)!]));
}

/** Cases with the same settings share a server, since its start takes longer than most cases; draining cases do not. */
function groupsOf(cases: readonly Case[]): Case[][] {
  const [apart, together] = [cases.filter(endsServer), cases.filter((one) => !endsServer(one))];
  return [...apart.map((one) => [one]), ...Map.groupBy(together, ({ settings }) => settings).values()];
}

function endsServer({ steps, settings, duringDrain }: Case): boolean {
  return duringDrain === true || settings?.ACCEPT === 'once' || steps.includes(DRAIN);
}

async function transcriptOf(one: Case, server: InMemoryServer, log: EndLog): Promise<Transcript> {
  log.lines = [];
  try {
    if (one.duringDrain) await server.drain();
    const { heard, said, ms } = await server.converse([...one.steps], one.ending);
    const { lines } = log;
    return { heard: heard.map((message) => shortened(message)), ...sent(said, lines[0]!), ...ended(lines), ms };
  } catch (error) {
    return { failure: String(error) };
  }
}

/** Keeps the log lines at the end of connections. */
class EndLog {
  lines: LogLine[] = [];
  readonly logger: Logger;

  constructor() {
    const log = (fields: object) => void ('reason' in fields && this.lines.push(fields as LogLine));
    this.logger = { isLevelEnabled: () => false, debug: log, info: log, warn: log, error: log } as unknown as Logger;
  }
}

function sent(bytes: Buffer, { protocol, bytesOut }: LogLine): Pick<Transcript, 'sent' | 'responses' | 'bytesOut'> {
  if (!beginsWithResponse(bytes)) {
    const isText = protocol === 'text' && isUtf8(bytes);
    return { sent: shortened(bytes.toString(isText ? 'utf8' : 'hex')), bytesOut };
  }
  const { responses, rest } = responsesIn(bytes);
  return {
    responses: responses.map(withShortBody),
    ...(rest.length > 0 ? { sent: shortened(rest.toString('hex')) } : {}),
  };
}

function withShortBody({ body, ...response }: HttpResponse): HttpResponse {
  return body === undefined ? response : { ...response, body: shortened(body) };
}

/** Makes a connection that ends twice visible. */
function ended(lines: LogLine[]): Partial<Transcript> {
  const [{ protocol, reason, messages, errorReplies, bytesIn }] = lines as [LogLine];
  return {
    ...(protocol === undefined ? {} : { protocol }),
    reason: [reason, ...lines.slice(1).map((line) => line.reason)].join(', then '),
    messages,
    ...(errorReplies === undefined ? {} : { errorReplies: errorReplies }),
    bytesIn,
  };
}

const LONGEST = 300;

/** Shortens long texts to their start, length and digest. */
function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.slice(0, 40)}… (${text.length} characters, SHA-256 ${digest}…)`;
}
