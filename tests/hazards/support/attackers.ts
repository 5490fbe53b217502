/** What a swarm can consist of: clients of each protocol that mean no good, by what they do. */
import type { Group, Pieces } from './client-swarm.ts';
import type { Protocol } from './protocols.ts';

/** The largest message that a server takes as it is shipped, in bytes. */
export const MAX_MESSAGE_BYTES = 65_536;

/** More than a kernel takes at once, and with it everything between a client and a server. */
const PLENTY_BYTES = 2 * MAX_MESSAGE_BYTES;

const NAME = 'client ####';

/** Say nothing. */
export function silent({ count }: { count: number }): Group {
  return { count, opening: [] };
}

/** Begin a message, and send a byte of it now and then. */
export function dripping(protocol: Protocol, { count, everyMs }: { count: number; everyMs: number }): Group {
  const opening: Pieces = [...beginning(protocol, MAX_MESSAGE_BYTES), [NAME, 1]];
  return { count, opening, everyMs, drip: [['x', 1]] };
}

/** Send the largest message but for its last byte. */
export function holdingBack(protocol: Protocol, { count }: { count: number }): Group {
  return { count, opening: [...beginning(protocol, MAX_MESSAGE_BYTES), ['x', MAX_MESSAGE_BYTES - 1]] };
}

/**
 * Send messages of so many bytes, as many as their kernel takes; of the replies they read so many bytes, a few now and
 * then, before they stop.
 */
export function notReading(
  protocol: Protocol,
  { count, bytes, takes = 0 }: { count: number; bytes: number; takes?: number },
): Group {
  const message = whole(protocol, bytes);
  const opening = Array.from({ length: Math.ceil(PLENTY_BYTES / bytes) }, () => message).flat();
  return { count, opening, takes, everyMs: 50 };
}

/** Send short messages all the time, and read nothing. */
export function flooding(protocol: Protocol, { count }: { count: number }): Group {
  const short = { frames: '\0\0\0\u0001x', text: 'x\n', HTTP: 'GET / HTTP/1.1\r\nHost: knock\r\n\r\n' }[protocol];
  const drip: Pieces = [[short, Math.ceil(PLENTY_BYTES / short.length)]];
  return { count, opening: drip, everyMs: 10, drip };
}

/** Announce a message above the limit, and begin to send it. */
export function oversized(protocol: Protocol, { count }: { count: number }): Group {
  return { count, opening: [...beginning(protocol, 2 ** 24 - 1), ['x', PLENTY_BYTES]] };
}

/** Say one message, in frames, that says this. */
export function saying(text: string, { count }: { count: number }): Group {
  return { count, opening: [...beginning('frames', text.length), [text, 1]] };
}

/** A message of so many bytes, of which the first name the client. */
function whole(protocol: Protocol, bytes: number): Pieces {
  const body: Pieces = [
    [NAME, 1],
    ['x', bytes - NAME.length],
  ];
  if (protocol === 'text') return [...body, ['\n', 1]];
  return [...beginning(protocol, bytes), ...body];
}

/** What comes before the bytes of a message. */
function beginning(protocol: Protocol, bytes: number): Pieces {
  if (protocol === 'HTTP') return [[`POST / HTTP/1.1\r\nHost: knock\r\nContent-Length: ${bytes}\r\n\r\n`, 1]];
  // Without a first line a pause would end the message.
  if (protocol === 'text') return [['one\n', 1]];
  return [[`\0${String.fromCharCode(bytes >> 16, (bytes >> 8) & 255, bytes & 255)}`, 1]];
}
