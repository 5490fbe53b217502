import { expect, test } from 'vitest';

import { type Demo, startDemo } from './demo.ts';
import { timesHandled } from './hazards/greetings.ts';

const CLIENTS = 20;
const GREETINGS = 120;

test('a restart of the server under twenty clients loses no greeting: each has one verdict, and the verdict is true', async () => {
  await using demo = await startDemo({
    scale: { client: CLIENTS },
    // They end by themselves: of a client that is told to stop the last greeting may be left in doubt.
    environment: { MESSAGE: '{client} #{n}', INTERVAL_MS: '50', COUNT: String(GREETINGS), REPLY: '1' },
    files: ['tests/recording/compose.yml'],
  });
  await expect.poll(async () => (await timesHandled(demo)).size).toBeGreaterThan(200);
  await demo.compose('restart', 'server');
  await expect
    .poll(async () => (await demo.logs('client')).filter(({ msg }) => msg.includes(' is done: ')).length, {
      timeout: 60_000,
    })
    .toBe(CLIENTS);
  await demo.compose('stop', 'server');

  const times = await timesHandled(demo);
  const greetings = (await demo.logs('client')).filter((line) => 'verdict' in line);
  const ids = greetings.map((line) => line['message'] as string);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBe(CLIENTS * GREETINGS);
  // Nothing is lost: each client numbers its greetings without a gap.
  for (const client of new Set(greetings.map(({ name }) => name))) {
    const numbers = ids.filter((id) => id.startsWith(`${client} #`)).map((id) => Number(id.split('#')[1]));
    expect(numbers.sort((one, other) => one - other)).toEqual(numbers.map((_, index) => index + 1));
  }
  for (const { message, verdict, attempts } of greetings as {
    message?: string;
    verdict?: string;
    attempts?: number;
  }[]) {
    const count = times.get(message!) ?? 0;
    expect.soft({ message, verdict }).toEqual({ message, verdict: 'replied' });
    expect.soft(count).toBeGreaterThanOrEqual(1);
    // Greetings may be handled twice, and only where an attempt was left without an answer.
    expect.soft(count).toBeLessThanOrEqual(attempts!);
  }
});

test('of messages that must not be handled twice none is, and none that was not sent is handled, when the server is restarted', async () => {
  await using demo = await startDemo({
    services: ['server'],
    environment: { REPLY: '10' },
    files: ['tests/recording/compose.yml'],
  });
  const clients = Array.from({ length: 10 }, (_, client) =>
    Array.from({ length: 300 }, (_unused, n) => `client ${client} id ${n}`),
  );
  const sending = clients.map((ids) => sendAll(demo, ids));
  // All talk by then: who only comes while the server closes its port is reset, and cannot know (docs/decisions.md).
  const heard = async () => new Set([...(await timesHandled(demo)).keys()].map((id) => id.replace(/ id .*/, ''))).size;
  await expect.poll(heard).toBe(clients.length);
  await demo.compose('restart', 'server');
  const said = await Promise.all(sending);
  const verdicts = new Map(said.flatMap(({ verdicts: own }) => [...own]));
  await demo.compose('stop', 'server');

  // A server that drains leaves nobody in doubt.
  expect.soft(said.flatMap(({ complaints }) => complaints)).toEqual([]);
  const times = await timesHandled(demo);
  expect([...verdicts.keys()].sort()).toEqual(clients.flat().sort());
  for (const [id, verdict] of verdicts) {
    const count = times.get(id) ?? 0;
    if (verdict === 'replied') expect.soft({ id, count }).toEqual({ id, count: 1 });
    else if (verdict === 'unknown') expect.soft(count).toBeLessThanOrEqual(1);
    else expect.soft({ id, verdict, count }).toEqual({ id, verdict, count: 0 });
  }
});

/** Sends all ids from a container of the client; their verdicts, as its output tells them, and why any has no reply. */
async function sendAll(demo: Demo, ids: string[]): Promise<{ verdicts: Map<string, string>; complaints: string[] }> {
  const verdicts = new Map<string, string>();
  // All are written at once and handled one by one: on a slow machine the last one's turn can come after the default 5 s.
  const patient = ['-e', 'DEADLINE_MS=20000', '-e', 'REPLY_TIMEOUT_MS=20000'];
  const { stdout, stderr } = await demo
    .composeOutput('run', '--rm', '--no-deps', '-T', ...patient, 'client', 'send', ...ids)
    .catch((error: unknown) => error as { stdout: string; stderr: string });
  for (const [reply] of stdout.matchAll(/^.+$/gm)) verdicts.set(reply, 'replied');
  const complaints = Array.from(stderr.matchAll(/^"(.*)": (refused|not sent|unknown).*$/gm));
  for (const [, id, verdict] of complaints) verdicts.set(id!, verdict!);
  return { verdicts, complaints: complaints.map(([line]) => line) };
}
