/** Messages above the limit are rejected by their announced length, and the client can read the error reply. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { RawClient, frame } from '@knock/server/test/raw-client';
import { expect, test } from 'vitest';

import { counted, measured, scaled } from '../scorecard/measured.ts';
import { KnockServerContainer } from '../support/knock-server.ts';
import { MEMORY_GIB, mostResidentMiB } from './support/memory.ts';
import { paced } from './support/pacing.ts';
import { answers, type Protocol } from './support/protocols.ts';

const LINE = 'oversized-messages';
const TRIES = scaled({ test: 10, scorecard: 100 });
const MEMORY_TRIES = scaled({ test: 200, scorecard: 1000 });
/** Generous for a busy machine, and still far below the message timeout of ten seconds. */
const REJECTED_WITHIN_MS = scaled({ test: 5000, scorecard: 50 });
/** The default limit plus one. */
const LIMIT = 65_536;
const ABOVE = LIMIT + 1;
/** Sent after the announcement; far more than the kernels' buffers hold. */
const PAYLOAD = Buffer.alloc(512 * 1024, 'x');
const ORDINARY = frame('x'.repeat(LIMIT));

interface Announcement {
  what: string;
  protocol: Protocol;
  /** The bytes that announce the size. */
  bytes: Buffer;
}

const head = (...lines: string[]) => Buffer.from(['POST / HTTP/1.1', 'Host: knock', ...lines, '', ''].join('\r\n'));
const chunk = `${ABOVE.toString(16)}\r\n${'x'.repeat(ABOVE)}\r\n`;

const ANNOUNCEMENTS: Announcement[] = [
  { what: 'a header of 00 ff ff ff', protocol: 'frames', bytes: Buffer.from('00ffffff', 'hex') },
  { what: 'a header of the limit and one', protocol: 'frames', bytes: frame('x'.repeat(ABOVE)).subarray(0, 4) },
  { what: 'a line that does not end', protocol: 'text', bytes: Buffer.alloc(ABOVE, 'x') },
  { what: 'a Content-Length', protocol: 'HTTP', bytes: head(`Content-Length: ${ABOVE}`) },
  { what: 'a chunk', protocol: 'HTTP', bytes: Buffer.concat([head('Transfer-Encoding: chunked'), Buffer.from(chunk)]) },
  {
    what: 'a head that does not end',
    protocol: 'HTTP',
    bytes: Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(16_384)}`),
  },
];

/** Whether the client got exactly one error reply for the size, and no connection error. */
function wasToldWhy({ protocol }: Announcement, client: RawClient): boolean {
  const [first, ...more] = answers(protocol, client.received);
  const isErrorReply = first?.kind === 'errorReply' && /^(?:too_large|413|431)\b/.test(first.text);
  return isErrorReply && more.length === 0 && client.error === undefined;
}

test('a message above the limit is rejected as soon as it is announced, and the client reads the error reply', async (context) => {
  await using server = await new KnockServerContainer().start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  let [told, resets] = [0, 0];
  for (const announcement of ANNOUNCEMENTS) {
    const times: number[] = [];
    for (let n = 0; n < TRIES; n += 1) {
      const client = await RawClient.to(port, host);
      // The announcement alone must suffice, with or without data right behind it.
      const atOnce = n % 2 === 0;
      const began = performance.now();
      client.send(atOnce ? Buffer.concat([announcement.bytes, PAYLOAD]) : announcement.bytes);
      await Promise.race([once(client.socket, 'data'), client.closed()]);
      times.push(performance.now() - began);
      if (!atOnce) client.send(PAYLOAD);
      await client.closed();
      told += wasToldWhy(announcement, client) ? 1 : 0;
      resets += client.error ? 1 : 0;
    }
    const what = `time to the error reply in ${announcement.protocol}, ${announcement.what}`;
    measured(context, { line: LINE, what, values: times, unit: 'ms' });
    expect.soft(Math.max(...times), what).toBeLessThanOrEqual(REJECTED_WITHIN_MS);
  }
  const of = ANNOUNCEMENTS.length * TRIES;
  counted(context, { line: LINE, what: 'error replies read, six kinds', count: told, of });
  counted(context, { line: LINE, what: 'resets', count: resets, of });
  expect({ told, resets }).toEqual({ told: of, resets: 0 });
  await server.expectClosed(before, { too_large: of });
  await server.expectHealthy(before);
});

test('a client that sends an oversized message for 0.8 s before it reads still gets the error reply', async (context) => {
  await using server = await new KnockServerContainer().start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const clients = await paced(ANNOUNCEMENTS.length * TRIES, async (n) => {
    const announcement = ANNOUNCEMENTS[n % ANNOUNCEMENTS.length]!;
    const client = await RawClient.to(port, host);
    client.socket.pause();
    client.send(announcement.bytes);
    // Most of the second for which a closing server still reads.
    for (const end = performance.now() + 800; performance.now() < end;) {
      client.send(PAYLOAD.subarray(0, PAYLOAD.length / 8));
      await sleep(100);
    }
    client.socket.resume();
    await client.closed();
    return { announcement, client };
  });
  const missed = clients.filter(({ announcement, client }) => !wasToldWhy(announcement, client));
  const what = 'error replies read by clients that sent for 0.8 s before they read, six kinds';
  counted(context, { line: LINE, what, count: clients.length - missed.length, of: clients.length });
  expect(missed.map(({ announcement: { what: kind }, client: { error } }) => ({ kind, error }))).toEqual([]);
  await server.expectClosed(before, { too_large: clients.length });
  await server.expectHealthy(before);
});

test('rejected messages cost no memory, and the data behind them only what Node has not yet collected', async (context) => {
  await using server = await new KnockServerContainer().withResourcesQuota({ memory: MEMORY_GIB }).start();
  const before = await server.numbers();
  const { host, port } = await server.address();
  const say = async (bytes: Buffer) => {
    const client = await RawClient.to(port, host);
    client.send(bytes);
    if (bytes === ORDINARY) client.end();
    await client.closed();
  };
  const peakAfter = async (bytes: Buffer) => {
    await paced(MEMORY_TRIES, () => say(bytes), 300);
    return mostResidentMiB(server);
  };
  const [{ bytes: header }] = ANNOUNCEMENTS as [Announcement];
  // Warm-up with ordinary and oversized clients: Node's heap grows with the first thousand of each.
  await peakAfter(ORDINARY);
  const warm = await peakAfter(header);
  const announced = await peakAfter(header);
  const sent = await peakAfter(Buffer.concat([header, PAYLOAD]));

  const tries = `${MEMORY_TRIES} messages of 16 MiB that are announced`;
  measured(context, { line: LINE, what: `memory for ${tries}`, values: [announced - warm], unit: 'MiB' });
  const what = `memory for ${tries} and of which 0.5 MiB is sent`;
  measured(context, { line: LINE, what, values: [sent - announced], unit: 'MiB' });
  // A buffer for one message would take 16 MiB; a heap that has seen few clients may grow as much.
  expect(announced - warm).toBeLessThan(scaled({ test: 16, scorecard: 4 }));
  // Discarded input stays in memory until Node collects it, every 64 MiB.
  expect(sent - announced).toBeLessThan(64);
  await server.expectClosed(before, { too_large: 3 * MEMORY_TRIES });
  await server.expectHealthy(before);
});
