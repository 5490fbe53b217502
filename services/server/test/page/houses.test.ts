import { expect, test } from 'vitest';

import type { ConnectionUpdate } from '../../src/live/connection-sampler.ts';
import { grouped, Houses } from '../../src/live/page/houses.js';

function update(id: number, state: ConnectionUpdate['state'], more: Partial<ConnectionUpdate> = {}): ConnectionUpdate {
  const numbers = { ms: 0, reads: 0, messages: 0, bytesIn: 0, bytesOut: 0 };
  const address = '192.0.2.1';
  return {
    id,
    address,
    port: 1,
    name: undefined,
    protocol: undefined,
    tls: false,
    state,
    reason: undefined,
    ...numbers,
    ...more,
  };
}

const keys = (houses: Houses) => houses.all.map(({ key }) => key);

test('a client that comes back gets its own house', () => {
  const houses = new Houses();
  for (const id of [1, 2, 3]) {
    houses.hear(update(id, 'opened'), id * 1000);
    houses.hear(update(id, 'closed'), id * 1000 + 10);
  }
  expect(keys(houses)).toEqual(['192.0.2.1 1']);
  expect(houses.all[0]!.calls).toBe(3);
});

test('each of several clients from one address gets a house', () => {
  const houses = new Houses();
  for (const id of [1, 2, 3]) houses.hear(update(id, 'quiet', { port: 40_000 + id }), 0);
  expect(houses.all.map(({ name }) => name)).toEqual(['192.0.2.1', 'port 40002', 'port 40003']);
});

test('removes the house of a regular client that is late, and after 10 s that of a client that came once', () => {
  const houses = new Houses();
  for (const id of [1, 2]) houses.hear(update(id, 'closed', { name: 'client-1' }), id * 1000);
  houses.hear(update(3, 'closed', { address: '192.0.2.2', name: 'curl' }), 2000);
  houses.leave(3600);
  expect(houses.all.map(({ name }) => name)).toEqual(['client-1', 'curl']);
  houses.leave(3800);
  expect(houses.all.map(({ name }) => name)).toEqual(['curl']);
  houses.leave(12_001);
  expect(houses.all).toEqual([]);
});

test('keeps the house of an open connection for as long as it is open', () => {
  const houses = new Houses();
  houses.hear(update(1, 'quiet'), 0);
  houses.leave(1e9);
  expect(houses.all).toHaveLength(1);
});

test('removes the house of a client that turns out to be a probe', () => {
  const houses = new Houses();
  houses.hear(update(1, 'opened'), 0);
  houses.hear(update(1, 'hidden'), 100);
  expect(houses.all).toEqual([]);
});

test('after a gap in the stream, marks connections that are no longer open as closed', () => {
  const houses = new Houses();
  houses.hear(update(1, 'quiet'), 0);
  houses.hear(update(2, 'quiet'), 0);
  houses.keepOpen([update(2, 'quiet')], 500);
  expect(houses.all.map(({ client }) => client.state)).toEqual(['closed', 'quiet']);
});

test('sorts names in natural order', () => {
  const houses = new Houses();
  for (const n of [10, 9, 1]) houses.hear(update(n, 'quiet', { address: `192.0.2.${n}`, name: `client-${n}` }), 0);
  expect(houses.all.map(({ name }) => name)).toEqual(['client-1', 'client-9', 'client-10']);
});

test('draws a house for each of up to 100 clients, and one for each replica above', () => {
  const houses = new Houses();
  for (let id = 1; id <= 100; id += 1)
    houses.hear(update(id, 'quiet', { address: `192.0.2.${id % 4}`, name: `client-${id % 4}` }), 0);
  expect(grouped(houses.all)).toHaveLength(100);
  houses.hear(update(101, 'quiet', { name: 'client-1' }), 0);
  const groups = grouped(houses.all);
  expect(groups.map(({ name, houses: members }) => [name, members.length])).toEqual([
    ['client-0', 25],
    ['client-1', 26],
    ['client-2', 25],
    ['client-3', 25],
  ]);
});

test('draws one house for a service with more than 100 replicas', () => {
  const houses = new Houses();
  for (let id = 1; id <= 150; id += 1)
    houses.hear(update(id, 'quiet', { address: `10.0.0.${id}`, name: `client-${id}` }), 0);
  expect(grouped(houses.all).map(({ name, houses: members }) => [name, members.length])).toEqual([['client', 150]]);
});
