/** The lines of the scorecard: what is measured, what the field promises, and what Knock does. */

export interface Line {
  measure: string;
  /** What trusted systems promise or were seen to do. */
  anchors: string;
  promise: string;
  /** How it was measured, where that is not on the container with the limits that are shipped. */
  setting?: string;
  /** What one run does not show. */
  remark?: string;
}

const ROOM_FOR_ATTACKERS = '`MAX_CONNECTIONS=2500`, 4096 descriptors';

/** By id, in the order of the page. */
export const LINES = {
  'slow-clients': {
    measure: 'how long a client that drips its message is borne',
    anchors: 'nginx 60 s between two reads; Node up to 90 s; Kestrel 5 s, then 240 B/s',
    promise: '10.6 s at most, in frames, text and HTTP',
  },
  'silent-clients': {
    measure: 'how long a client that says nothing is borne',
    anchors: 'Envoy 15 s, nginx 30 s, cmux for ever',
    promise: '31 s at most',
  },
  'slow-reader-memory': {
    measure: 'bytes held for one client that does not read',
    anchors: 'Envoy 1 MiB, NATS 64 MiB, redis without limit',
    promise: '2 MiB at most',
    setting: '`WRITE_TIMEOUT_MS=1000`',
  },
  'slow-reader-timeout': {
    measure: 'how long a client that does not read is borne after its last progress',
    anchors: 'NATS 10 s, nginx 60 s',
    promise: '11 s at most',
  },
  'attack-memory': {
    measure: 'memory for 200 clients that do not read, 500 that drip and 1000 that are silent',
    anchors: 'bare Node: 11.7 KiB for each silent socket',
    promise: '72 MiB at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'attack-latency': {
    measure: 'a healthy client’s 99th percentile under that load',
    anchors: 'none',
    promise: '20 ms at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'dead-peers': {
    measure: 'a client whose network is gone is noticed: idle, and with unread bytes',
    anchors: 'redis about 600 s, NATS 240 to 360 s; the kernel about 15 min',
    promise: '30 s, 70 s at most',
  },
  'half-close': {
    measure: 'replies that arrive after the client has closed its side, the handler being asynchronous',
    anchors: 'Node’s default 0 of 50',
    promise: 'all of 300, in three protocols',
  },
  'oversized-messages': {
    measure: 'a message announced above the limit: time to the error reply, errorReplies read, resets',
    anchors: 'NATS within 2 s',
    promise: '50 ms at most, 100 of 100, none',
  },
  chunking: {
    measure: 'streams that decode differently when they are cut: every one or two cuts, 10 000 random ones',
    anchors: 'redis 3 seeds, NATS 9 tests',
    promise: 'none',
    setting: 'in process',
  },
  fuzzing: {
    measure: 'crashes, hangs or changed messages in 100 000 random inputs in process, 500 over a socket',
    anchors: 'fuzzers of NATS and Envoy',
    promise: 'none',
    setting: '`MAX_MESSAGE_BYTES=100`',
  },
  'request-smuggling': {
    measure: 'second requests smuggled in, 40 forms and more, cut at every place',
    anchors: 'HAProxy’s regression tests',
    promise: 'none',
    setting: 'in process',
  },
  characters: {
    measure: 'characters that are wrong or replaced, in 10 000 strings of bytes',
    anchors: 'ws, by the Autobahn suite',
    promise: 'none',
    setting: 'in process',
  },
  'connection-limit': {
    measure: 'clients above the limit that hear a reason, 32 at once; clients below it that are disturbed',
    anchors: 'redis as well as it can; Node none',
    promise: 'all; none',
  },
  'descriptor-limit': {
    measure: 'crashes, and clients left without an end, at 128 descriptors under 300 clients',
    anchors: 'Node drops clients without a word',
    promise: 'none',
  },
  reconnect: {
    measure: '100 clients after their server is killed and started: all served again; accepts in the worst 100 ms',
    anchors: 'nats.js about 2.1 s, up to 100 at once',
    promise: '2.5 s at most; 45 at most',
    remark:
      'on a busier day one or two of six returns had more than 45 accepts in their worst 100 ms (53 at most), where the clients themselves made 30 connections at most; the server shares two cores with the hundred clients and takes those that have come in bunches, which is likely why',
  },
  'killed-server': {
    measure: '100 kills in mid-reply: replies delivered in part, messages without a outcome',
    anchors: 'Node’s own end looks clean, 20 of 20',
    promise: 'none, none',
    setting: '`MAX_MESSAGE_BYTES` of 2 MiB',
  },
  pause: {
    measure: 'healthy connections lost by a pause of twice the idle limit',
    anchors: 'Node’s default 20 of 20',
    promise: 'none of 100, in frames and text',
  },
  'lost-network': {
    measure: 'recovery after the network or the name returns',
    anchors: 'NATS 2.1 s',
    promise: '5 s at most, 20 of 20',
  },
  'rolling-update': {
    measure: 'rolling update of three servers under 10 000 requests: failed, handled twice; replied at the first try',
    anchors: 'traefik’s bar: 0 of 5000',
    promise: 'none, none; 99.9 % at least',
    setting: 'the clients of five long conversations wait up to 90 s',
  },
  rollback: {
    measure: 'a bad image: time to the automatic rollback, failed requests',
    anchors: 'Swarm’s default is to pause',
    promise: '60 s at most, none',
  },
  'graceful-shutdown': {
    measure: '`docker stop`: idle; with work in flight, answered; a second signal',
    anchors: 'without care 10 s and exit code 137',
    promise: '500 ms, code 0; 8 s, code 0, all; 200 ms, code 1',
  },
  'memory-limit': {
    measure: 'all attacks at a limit of 256 MiB: kills for memory; growth with a blocked log over 60 s',
    anchors: 'Node 29 MB in 3 s',
    promise: 'none, the peak is reported; 1 MiB of queue at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'log-and-hosts': {
    measure: 'lines of log without an event, raw control characters in it, foreign hosts and origins let in',
    anchors: 'redis escapes; Vite answers 403',
    promise: 'none of 10 000, none of 100, none of 20',
    setting: 'in process',
  },
  'retry-budget': {
    measure: 'attempts for each of 1000 messages, where the server breaks off all, or half, after reading',
    anchors: 'gRPC’s bucket, AWS 500 tokens of 14, SRE 10 %',
    promise: '1.1 at most',
    setting: 'the client in process, and a server that does as it is told',
  },
  'http-differential': {
    measure: 'HTTP requests read otherwise than Node’s own parser reads them, in 1 000 000 random streams',
    anchors: 'fuzzers of llhttp and Envoy',
    promise: 'none',
    setting: 'in process',
  },
} satisfies Record<string, Line>;

export type LineId = keyof typeof LINES;
