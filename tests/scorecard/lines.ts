/** The lines of the scorecard: what is measured, what other systems promise, and what Knock promises. */

export interface Line {
  measure: string;
  /** What other trusted systems promise, or were observed to do. */
  anchors: string;
  promise: string;
  /** The setup, unless it is the container with its default limits. */
  setting?: string;
  /** What a single run does not show. */
  remark?: string;
}

const ROOM_FOR_ATTACKERS = '`MAX_CONNECTIONS=2500`, 4096 descriptors';

/** By id, in the order of the page. */
export const LINES = {
  'slow-clients': {
    measure: 'time until a slowloris client, which drips its message, is disconnected',
    anchors: 'nginx 60 s between two reads; Node up to 90 s; Kestrel 5 s, then 240 B/s',
    promise: '10.6 s at most, in frames, text and HTTP',
  },
  'silent-clients': {
    measure: 'time until a silent client is disconnected',
    anchors: 'Envoy 15 s, nginx 30 s, cmux for ever',
    promise: '31 s at most',
  },
  'slow-reader-memory': {
    measure: 'memory for one client that does not read',
    anchors: 'Envoy 1 MiB, NATS 64 MiB, redis without limit',
    promise: '2 MiB at most',
    setting: '`WRITE_TIMEOUT_MS=1000`',
  },
  'slow-reader-timeout': {
    measure: 'time until a client that does not read is disconnected, after its last progress',
    anchors: 'NATS 10 s, nginx 60 s',
    promise: '11 s at most',
  },
  'attack-memory': {
    measure: 'memory for 200 clients that do not read, 500 slowloris and 1000 silent ones',
    anchors: 'bare Node: 11.7 KiB for each silent socket',
    promise: '72 MiB at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'attack-latency': {
    measure: 'a healthy client’s 99th percentile latency under that load',
    anchors: 'none',
    promise: '20 ms at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'dead-peers': {
    measure: 'time until a client whose network is gone is noticed: idle, and with unacknowledged bytes',
    anchors: 'redis about 600 s, NATS 240 to 360 s; the kernel about 15 min',
    promise: '30 s, 70 s at most',
  },
  'half-close': {
    measure: 'half-close: replies that still arrive, with an asynchronous handler',
    anchors: 'Node’s default 0 of 50',
    promise: 'all of 300, in three protocols',
  },
  'oversized-messages': {
    measure: 'a message announced above the limit: time to the error reply, error replies read, resets',
    anchors: 'NATS within 2 s',
    promise: '50 ms at most, 100 of 100, none',
  },
  chunking: {
    measure: 'streams that decode differently when split: at every one or two places, and 10 000 random streams',
    anchors: 'redis 3 seeds, NATS 9 tests',
    promise: 'none',
    setting: 'in process',
  },
  fuzzing: {
    measure: 'crashes, hangs or changed messages: 100 000 random inputs in process, 500 over a socket',
    anchors: 'fuzzers of NATS and Envoy',
    promise: 'none',
    setting: '`MAX_MESSAGE_BYTES=100`',
  },
  'request-smuggling': {
    measure: 'request smuggling: second requests handled, over 40 forms, split at every place',
    anchors: 'HAProxy’s regression tests',
    promise: 'none',
    setting: 'in process',
  },
  characters: {
    measure: 'wrong or replaced characters in 10 000 byte strings',
    anchors: 'ws, by the Autobahn suite',
    promise: 'none',
    setting: 'in process',
  },
  'connection-limit': {
    measure: 'clients above the connection limit that get a reason, 32 at once; clients below it that are disturbed',
    anchors: 'redis best effort; Node none',
    promise: 'all; none',
  },
  'descriptor-limit': {
    measure: 'crashes, and connections never closed, with 128 descriptors and 300 clients',
    anchors: 'Node drops clients without a word',
    promise: 'none',
  },
  reconnect: {
    measure:
      'reconnect of 100 clients after their server is killed and restarted: all served again; accepts in the worst 100 ms',
    anchors: 'nats.js about 2.1 s, up to 100 at once',
    promise: '2.5 s at most; 45 at most',
    remark:
      'on a busier day one or two of six restarts had more than 45 accepts in the worst 100 ms (at most 53), though the clients made at most 30 connections in it; the likely cause is that the server shares two cores with the 100 clients, and accepts in bursts',
  },
  'killed-server': {
    measure: '100 kills during replies: truncated replies delivered, messages without an outcome',
    anchors: 'in bare Node the end looks clean, 20 of 20',
    promise: 'none, none',
    setting: '`MAX_MESSAGE_BYTES` of 2 MiB',
  },
  pause: {
    measure: 'healthy connections lost when the server is paused for twice the idle timeout',
    anchors: 'Node’s default 20 of 20',
    promise: 'none of 100, in frames and text',
  },
  'lost-network': {
    measure: 'recovery after the network or the DNS name returns',
    anchors: 'NATS 2.1 s',
    promise: '5 s at most, 20 of 20',
  },
  'rolling-update': {
    measure:
      'rolling update of three servers under 10 000 requests: failed, handled twice; replied at the first attempt',
    anchors: 'traefik’s bar: 0 of 5000',
    promise: 'none, none; 99.9 % at least',
    setting: 'the clients of five long sessions wait up to 90 s',
  },
  rollback: {
    measure: 'a broken image: time to the automatic rollback, failed requests',
    anchors: 'Swarm’s default is to pause',
    promise: '60 s at most, none',
  },
  'graceful-shutdown': {
    measure: 'graceful shutdown on `docker stop`: idle; with work in flight, replies; a second signal',
    anchors: 'by default 10 s and exit code 137',
    promise: '500 ms, code 0; 8 s, code 0, all; 200 ms, code 1',
  },
  'memory-limit': {
    measure: 'all attacks with 256 MiB of memory: OOM kills; growth with a blocked log over 60 s',
    anchors: 'Node 29 MB in 3 s',
    promise: 'none, peak reported; 1 MiB of queue at most',
    setting: ROOM_FOR_ATTACKERS,
  },
  'log-and-hosts': {
    measure: 'log lines without an event, log lines with raw control characters, foreign hosts and origins accepted',
    anchors: 'redis escapes; Vite answers 403',
    promise: 'none of 10 000, none of 100, none of 20',
    setting: 'in process',
  },
  'retry-budget': {
    measure: 'attempts per message, of 1000, when the server resets all or half of the connections after reading',
    anchors: 'gRPC’s bucket, AWS 500 tokens of 14, SRE 10 %',
    promise: '1.1 at most',
    setting: 'the client in process, and a scripted server',
  },
  'http-differential': {
    measure: 'HTTP requests parsed differently from Node’s own parser, in 1 000 000 random streams',
    anchors: 'fuzzers of llhttp and Envoy',
    promise: 'none',
    setting: 'in process',
  },
} satisfies Record<string, Line>;

export type LineId = keyof typeof LINES;
