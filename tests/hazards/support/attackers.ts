/** Groups of hostile clients for a swarm, by behaviour and protocol. */
import type { Group, Pieces } from './client-swarm.ts';
import type { Protocol } from './protocols.ts';

/** The default MAX_MESSAGE_BYTES. */
export const MAX_MESSAGE_BYTES = 65_536;

/** More than the kernels' buffers between client and server hold. */
const PLENTY_BYTES = 2 * MAX_MESSAGE_BYTES;

const NAME = 'client ####';

/** Silent clients. */
export function silent({ count }: { count: number }): Group {
  return { count, opening: [] };
}

/** Slowloris: start a message, then send it byte by byte. */
export function dripping(protocol: Protocol, { count, everyMs }: { count: number; everyMs: number }): Group {
  const opening: Pieces = [...beginning(protocol, MAX_MESSAGE_BYTES), [NAME, 1]];
  return { count, opening, everyMs, drip: [['x', 1]] };
}

/** Send the largest message without its last byte. */
export function holdingBack(protocol: Protocol, { count }: { count: number }): Group {
  return { count, opening: [...beginning(protocol, MAX_MESSAGE_BYTES), ['x', MAX_MESSAGE_BYTES - 1]] };
}

/**
 * Send messages of `bytes` bytes until the kernel blocks; read `takes` bytes of the replies in small steps, then stop
 * reading.
 */
export function notReading(
  protocol: Protocol,
  { count, bytes, takes = 0 }: { count: number; bytes: number; takes?: number },
): Group {
  const message = whole(protocol, bytes);
  const opening = Array.from({ length: Math.ceil(PLENTY_BYTES / bytes) }, () => message).flat();
  return { count, opening, takes, everyMs: 50 };
}

/** Send short messages continuously, and read nothing. */
export function flooding(protocol: Protocol, { count }: { count: number }): Group {
  const short = { frames: '\0\0\0\u0001x', text: 'x\n', HTTP: 'GET / HTTP/1.1\r\nHost: knock\r\n\r\n' }[protocol];
  const drip: Pieces = [[short, Math.ceil(PLENTY_BYTES / short.length)]];
  return { count, opening: drip, everyMs: 10, drip };
}

/** Announce a message above the limit, and start to send it. */
export function oversized(protocol: Protocol, { count }: { count: number }): Group {
  return { count, opening: [...beginning(protocol, 2 ** 24 - 1), ['x', PLENTY_BYTES]] };
}

/** Send this message in a frame. */
export function saying(text: string, { count }: { count: number }): Group {
  return { count, opening: [...beginning('frames', text.length), [text, 1]] };
}

/** A message of `bytes` bytes that starts with the client's name. */
function whole(protocol: Protocol, bytes: number): Pieces {
  const body: Pieces = [
    [NAME, 1],
    ['x', bytes - NAME.length],
  ];
  if (protocol === 'text') return [...body, ['\n', 1]];
  return [...beginning(protocol, bytes), ...body];
}

/** The header of a message. */
function beginning(protocol: Protocol, bytes: number): Pieces {
  if (protocol === 'HTTP') return [[`POST / HTTP/1.1\r\nHost: knock\r\nContent-Length: ${bytes}\r\n\r\n`, 1]];
  // Without a first line, a pause would end the message.
  if (protocol === 'text') return [['one\n', 1]];
  return [[`\0${String.fromCharCode(bytes >> 16, (bytes >> 8) & 255, bytes & 255)}`, 1]];
}
