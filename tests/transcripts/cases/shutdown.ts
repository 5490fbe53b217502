/** Clients that are denied because the server is full or drains, and clients that it still serves then. */
import { type Protocol, say } from '../../hazards/support/protocols.ts';
import { type Act, type Case, cases, closesAndStays, DRAIN } from '../case.ts';

const PROTOCOLS: readonly [folder: string, Protocol][] = [
  ['frames', 'frames'],
  ['text', 'text'],
  ['http', 'HTTP'],
];

/** A limit of 0, which no setting allows, denies every client. */
const FULL = { settings: { MAX_CONNECTIONS: 0 } };
const ONCE = { settings: { ACCEPT: 'once' as const } };

const PROBES = Object.fromEntries(
  ['/healthz', '/readyz', '/metrics', '/nothing', '/'].map((path) => [
    `GET ${path}`,
    `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ]),
);

export const shutdownCases: readonly Case[] = [
  ...PROTOCOLS.flatMap(([folder, protocol]) => casesOf(folder, (message) => say(protocol, message))),
  ...cases('http/probes of a full server', PROBES, FULL),
  ...cases('http/probes during drain', PROBES, { duringDrain: true }),
  ...cases('http/probes before once', { 'a probe, then a message': [PROBES['GET /healthz']!, PROBES['GET /']!] }, ONCE),
  ...cases('http/drain', {
    'events that are being sent': ['GET /events HTTP/1.1\r\nHost: a\r\n\r\n', 1000, DRAIN],
    'a request that closes, in the handler': [
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwait',
      DRAIN,
    ],
    'behind the head': ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n', DRAIN, 100, 'Hello'],
  }),
  ...cases('text/drain', { 'inside the pause that ends a message': ['GE', 100, DRAIN, 50, 'T'] }),
];

function casesOf(folder: string, message: (text: string) => Buffer): Case[] {
  const hello = message('Hello');
  const half: Act[] = [hello.subarray(0, 4), hello.subarray(4)];
  return [
    ...closesAndStays(`${folder}/full`, { 'one message': hello, 'half a message': half[0]! }, FULL),
    ...cases(`${folder}/full`, { nothing: [], 'a message after two seconds': [2000, hello] }, FULL),
    ...closesAndStays(`${folder}/during drain`, { 'one message': hello }, { duringDrain: true }),
    ...cases(
      `${folder}/during drain`,
      { nothing: [], 'half a message': half[0]!, 'a message after 100 ms': [100, hello] },
      { duringDrain: true },
    ),
    ...cases(`${folder}/drain`, {
      'before the first byte': [DRAIN, 100, hello],
      'before the first byte, and silence': [DRAIN],
      'when idle': [hello, 1000, DRAIN, 100, hello],
      'inside a message': [half[0]!, DRAIN, 100, half[1]!],
      'inside a second message': [hello, half[0]!, DRAIN, 100, half[1]!],
      'in the handler': [message('wait'), DRAIN],
      'in the handler, with messages behind': [message('wait'), message('one'), message('two'), DRAIN],
      'in a handler that never answers': [message('never'), message('one'), DRAIN],
    }),
    ...closesAndStays(`${folder}/once`, { 'two messages': [hello, hello] }, ONCE),
  ];
}
