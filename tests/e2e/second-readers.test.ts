/**
 * The smuggling corpus through third-party proxies. A proxy may see two requests where the server would reject one: nothing is
 * smuggled as long as the server handles exactly the requests that the proxy forwarded.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { Network } from 'testcontainers';
import { test } from 'vitest';

import { recordingServer } from '../hazards/support/recording-server.ts';
import { FORMS } from '../hazards/support/smuggling-forms.ts';
import type { StartedKnockServerContainer } from '../support/knock-server.ts';
import { type Forwarded, Proxy, type ProxyName } from '../support/second-readers/proxy.ts';

const PROXIES: ProxyName[] = ['nginx', 'HAProxy'];
/** Minimum numbers of forms forwarded and rejected by each proxy, for a meaningful comparison. */
const LEAST_FORMS = 25;

/**
 * A valid request after each form, on a new client connection. It marks the end of the form in both logs; and it shares the
 * upstream connection, so that bytes left over by the form would corrupt its response.
 */
const sentinel = (n: number) => `sentinel ${n}`;
const isSentinel = (message: string) => message.startsWith('sentinel ');
const sentinelRequest = (n: number) =>
  `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${sentinel(n).length}\r\n\r\n${sentinel(n)}`;

/** The message of this request; empty unless POST. */
const messageOf = ({ method, body }: Forwarded) => (method === 'POST' ? body : '');

/** Sends each form and its sentinel through the proxy. Resolves with the sentinels that got a wrong response. */
async function playForms(proxy: Proxy) {
  const wrong: { form: string; answer: string }[] = [];
  for (const [n, { name, bytes }] of FORMS.entries()) {
    await proxy.converse(Buffer.from(bytes, 'latin1'), 'impatient');
    const answer = await proxy.converse(sentinelRequest(n), 'patient');
    if (!answer.startsWith('HTTP/1.1 200 ') || !answer.endsWith(`\r\n\r\n${sentinel(n)}`))
      wrong.push({ form: name, answer });
  }
  return wrong;
}

/** Splits a log at the sentinels: one list per form. */
function byForm<Entry>(entries: Entry[], message: (entry: Entry) => string): Entry[][] {
  const lists: Entry[][] = [];
  let current: Entry[] = [];
  for (const entry of entries) {
    if (!isSentinel(message(entry))) {
      current.push(entry);
      continue;
    }
    lists.push(current);
    current = [];
  }
  return lists;
}

/** All messages that the handler got, in order. */
async function handled(server: StartedKnockServerContainer): Promise<string[]> {
  const { stderr } = await promisify(execFile)('docker', ['logs', server.getId()]);
  return (stderr.match(/^\{"handled":.*\}$/gm) ?? []).map((line) => (JSON.parse(line) as { handled: string }).handled);
}

/** Rejected requests by status. */
async function errorReplies(server: StartedKnockServerContainer): Promise<Record<string, number>> {
  const counters = Object.entries(await server.numbers()).flatMap(([name, count]) => {
    const [, status] = /^knock_error_replies_total\{code="(\d{3})"\}$/.exec(name) ?? [];
    return status === undefined || count === 0 ? [] : [[status, count] as const];
  });
  return Object.fromEntries(counters);
}

function countBy<Entry>(entries: Entry[], key: (entry: Entry) => string): Record<string, number> {
  const groups = Map.groupBy(entries, key).entries();
  return Object.fromEntries(groups.map(([name, { length }]) => [name, length]));
}

/** Lists by form name, so that a difference names its form. */
const named = <List>(lists: List[]) => Object.fromEntries(FORMS.map(({ name }, n) => [name, lists[n]]));

// Concurrent: most of the time is spent on the proxies' timeouts.
test.concurrent.for(PROXIES)(
  'behind %s, handles each forwarded request once and in order, and nothing else',
  async (name, { expect }) => {
    await using network = await new Network().start();
    await using server = await recordingServer({ delayMs: 0 })
      .withNetwork(network)
      .withNetworkAliases('server')
      .start();
    await using proxy = await Proxy.start(name, network);

    expect(await playForms(proxy)).toEqual([]);

    // `docker logs` lags a little.
    await expect.poll(async () => byForm(await proxy.forwarded(), messageOf).length).toBe(FORMS.length);
    await expect.poll(async () => byForm(await handled(server), String).length).toBe(FORMS.length);
    const forwarded = byForm(await proxy.forwarded(), messageOf);
    const answered = forwarded.map((requests) => requests.filter(({ status }) => status === '200').map(messageOf));
    const refused = forwarded.flat().filter(({ status }) => status !== '200');

    expect(named(byForm(await handled(server), String))).toEqual(named(answered));
    expect(await errorReplies(server)).toEqual(countBy(refused, ({ status }) => status));

    // Otherwise the proxy parsed nothing, or reused no connection.
    const passed = forwarded.filter(({ length }) => length > 0).length;
    expect(passed).toBeGreaterThanOrEqual(LEAST_FORMS);
    expect(FORMS.length - passed).toBeGreaterThanOrEqual(LEAST_FORMS);
    expect((await server.numbers())['knock_connections_accepted_total']).toBeLessThan(FORMS.length / 2);
  },
);
