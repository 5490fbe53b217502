/** The live page in a real browser, with the real server and clients. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RawClient, frame } from '@knock/server/test/raw-client';
import axe from 'axe-core';
import type { Locator, Page } from 'playwright-core';
import { expect, test as base } from 'vitest';

import { Browser } from '../support/browser/browser.ts';
import { PAYLOADS } from '../support/browser/payloads.ts';
import { type Demo, type DemoOptions, startDemo } from '../support/demo.ts';

const ARTEFACTS = join(import.meta.dirname, '../../.build/page');

/** A demo, and a browser on its network. */
interface Stage {
  demo: Demo;
  browser: Browser;
}

/** Each is set up once per file: one without clients, one with. */
const test = base
  .extend('empty', { scope: 'file' }, async ({}, { onCleanup }) =>
    startStage(onCleanup, { services: ['server'], environment: { REPLY: '{server} heard: {message}' } }),
  )
  .extend('peopled', { scope: 'file' }, async ({}, { onCleanup }) =>
    startStage(onCleanup, { environment: { INTERVAL_MS: '1000' } }),
  );

async function startStage(onCleanup: (end: () => Promise<void>) => void, options: DemoOptions): Promise<Stage> {
  await using owned = new AsyncDisposableStack();
  const demo = owned.use(await startDemo(options));
  const browser = owned.use(await Browser.on(demo.networkName));
  const kept = owned.move();
  onCleanup(() => kept.disposeAsync());
  return { demo, browser };
}

/** The clients' houses. The browser's spare sockets have houses, too. */
const names = async (page: Page) =>
  (await page.locator('.house .name').allTextContents()).filter((name) => name.startsWith('client-'));
const clients = (count: number) => Array.from({ length: count }, (_, n) => `client-${n + 1}`);
const house = (page: Page, name: string): Locator =>
  page.locator('.house', { has: page.getByText(name, { exact: true }) });

/** Clients with a house, including those in houses for many. */
async function shownClients(page: Page): Promise<number> {
  const all = await page.locator('.house .name').allTextContents();
  return all.reduce((sum, name) => sum + Number(/ × (\d+)$/.exec(name)?.[1] ?? 1), 0);
}

/** Screenshots, for review by people. */
async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true });
}

/** The page's largest width within the next 1.5 s, while messages come and go. */
async function widest(page: Page): Promise<number> {
  return page.evaluate(async () => {
    let width = 0;
    for (const end = performance.now() + 1500; performance.now() < end;) {
      await new Promise((drawn) => requestAnimationFrame(drawn));
      width = Math.max(width, document.documentElement.scrollWidth);
    }
    return width;
  });
}

/** Names that are cut off. Includes the longest address: a house shows it until the name is known. */
function cutOff(all: Element[]): string[] {
  const isCut = (name: Element) => name.scrollWidth > name.clientWidth || name.scrollHeight > name.clientHeight;
  return all.flatMap((name) => {
    const own = name.textContent;
    return [own, '255.255.255.255'].filter((text) => {
      name.textContent = text;
      const cut = isCut(name);
      name.textContent = own;
      return cut;
    });
  });
}

async function scale(demo: Demo, count: number): Promise<void> {
  await demo.compose('up', '--detach', '--no-recreate', '--scale', `client=${count}`, 'client');
}

/** Clients with more than one reply, in order. */
async function haveComeTwice(demo: Demo): Promise<string[]> {
  const replied = (await demo.logs('client')).filter(({ outcome }) => outcome === 'replied');
  const own = Map.groupBy(replied, ({ name }) => name);
  return [...own.keys()].filter((name) => own.get(name)!.length > 1).toSorted();
}

/** A client outside the demo, whose address on the network is the gateway's. */
async function stranger(demo: Demo): Promise<RawClient> {
  return demo.server.dial();
}

/** Its house, by the gateway's address, which is the first of the network. */
const strangersHouse = (page: Page) =>
  page.locator('.house', { has: page.locator('.name', { hasText: /^\d+\.\d+\.\d+\.1$/ }) });

/** A client outside the demo that the page follows, through a second event stream. */
async function followedStranger(demo: Demo, page: Page): Promise<RawClient> {
  const stream = page.waitForResponse(/\/events\?follow=\d+\.\d+\.\d+\.1$/);
  const client = await stranger(demo);
  await strangersHouse(page).click();
  await stream;
  return client;
}

test('shows a house for each replica, and follows scaling without a reload', async ({ peopled: { demo, browser } }) => {
  await scale(demo, 3);
  await using page = await browser.open();
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('http://server:12000/')) foreign.push(request.url());
  });
  await expect.poll(() => names(page)).toEqual(clients(3));
  await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
  await scale(demo, 6);
  await expect.poll(() => names(page)).toEqual(clients(6));
  // After two visits a client is expected every second, and its house goes soon after a missed one; else after ten seconds.
  await expect.poll(() => haveComeTwice(demo)).toEqual(clients(6));
  await scale(demo, 2);
  await expect.poll(() => names(page), { timeout: 9000 }).toEqual(clients(2));
  expect(await page.evaluate(() => 'notReloaded' in globalThis)).toBe(true);
  expect(foreign).toEqual([]);
});

test('shows the exact bytes of a chosen session, read by read', async ({ empty: { demo, browser } }) => {
  await using page = await browser.open();
  const client = await followedStranger(demo, page);
  const steps = page.locator('#steps');
  const message = frame('Hello, server');
  for (const [n, piece] of [message.subarray(0, 3), message.subarray(3, 9), message.subarray(9)].entries()) {
    client.send(piece);
    await expect.poll(() => steps.locator('.read').count()).toBe(n + 1);
  }
  await client.until('server-1 heard: Hello, server');
  await steps.getByText('3 reads → 1 message').waitFor();
  const hex = (await steps.locator('.read .hex').allTextContents()).join(' ').replaceAll(' ', '');
  expect(hex).toBe(message.toString('hex'));
  const roles = await steps.locator('.read .part').evaluateAll((all) => all.map((part) => part.dataset['role']));
  expect(roles).toEqual(['kind', 'length', 'length', 'payload', 'payload']);
  expect(await steps.locator('.message').textContent()).toContain('“Hello, server”');
  expect(await steps.locator('.reply').textContent()).toContain('“server-1 heard: Hello, server”');
  client.send(Buffer.concat(['one', 'two', 'three'].map((text) => frame(text))));
  await steps.getByText('1 read → 3 messages').waitFor();
  await steps.evaluate((list) => list.scrollTo(0, 0));
  await screenshot(page, 'three-reads');
  client.end();
  await steps.locator('.close').nth(1).waitFor();
  expect(
    await steps.locator('.close').evaluateAll((all) => all.map((step) => (step as HTMLElement).dataset['arrow'])),
  ).toEqual(['right', 'left']);
});

test('sends what is typed to the same handler, and shows the reply', async ({ empty: { browser } }) => {
  await using page = await browser.open();
  await page.getByLabel('Your message').fill('grüß <b>Gott</b>');
  await page.getByRole('button', { name: 'Say it' }).click();
  await page.locator('#say-reply').getByText('server-1 heard: grüß <b>Gott</b>').waitFor();
  // The browser's spare sockets have not sent anything yet.
  await expect.poll(() => page.locator('.house .protocol').allTextContents()).toContain('http');
});

test('survives a server restart, and shows that the server is gone and back', async ({
  peopled: { demo, browser },
}) => {
  await scale(demo, 3);
  await using page = await browser.open();
  await expect.poll(() => names(page)).toEqual(clients(3));
  const said = page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const status = document.querySelector('#status')!;
        const seen: string[] = [];
        new MutationObserver(() => {
          seen.push(status.textContent ?? '');
          if (seen.length > 1 && status.textContent?.startsWith('live')) resolve(seen);
        }).observe(status, { childList: true, characterData: true, subtree: true });
      }),
  );
  await demo.compose('restart', 'server');
  const seen = await said;
  expect(seen[0]).toMatch(/is shutting down|connection to the server lost/);
  expect(seen.at(-1)).toBe('live from server-1');
  await expect.poll(() => names(page)).toEqual(clients(3));
});

test(`creates no element from any of ${PAYLOADS.length} XSS payloads`, async ({ empty: { demo, browser } }) => {
  await using page = await browser.open();
  const asked: string[] = [];
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => asked.push(dialog.message())));
  page.on('request', (request) => asked.push(request.url()));
  const kinds = () =>
    page.evaluate(() => [...new Set(Array.from(document.querySelectorAll('*'), ({ tagName }) => tagName))].toSorted());
  const first = await followedStranger(demo, page);
  first.send(frame('harmless'));
  await page.locator('#steps').getByText('“harmless”').first().waitFor();
  // The graph is drawn once a second, and may not be there yet.
  await page.locator('#graph polyline').waitFor({ state: 'attached' });
  const before = await kinds();
  asked.length = 0;
  for (const [n, payload] of PAYLOADS.entries()) {
    first.send(frame(payload));
    if (n % 10 > 0) continue;
    // An update has at most 64 steps, and a busy machine makes long pauses between updates.
    first.send(frame(`mark ${n}`));
    await page.locator('#steps').getByText(`“mark ${n}”`).first().waitFor();
  }
  await page.locator('#steps').getByText('<form action').first().waitFor();
  await page.getByLabel('Your message').fill(PAYLOADS.find((payload) => payload.startsWith('<img'))!);
  await page.getByRole('button', { name: 'Say it' }).click();
  await page.locator('#say-reply').getByText('<img src=x').waitFor();
  await sleep(500);
  expect(await kinds()).toEqual(before);
  expect(await page.evaluate(() => [document.body.dataset['struck'], 'struck' in globalThis])).toEqual([
    undefined,
    false,
  ]);
  expect(asked).toEqual(['http://server:12000/']);
});

test('passes axe in light and dark mode and at phone width, without horizontal scrolling', async ({
  peopled: { demo, browser },
}) => {
  await scale(demo, 3);
  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
  ] as const) {
    await using page = await browser.open({ colorScheme, viewport: { width, height: 800 }, reducedMotion: 'reduce' });
    await expect.poll(() => names(page)).toEqual(clients(3));
    await house(page, 'client-2').click();
    await page.locator('#steps .close').first().waitFor();
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
    expect(violations.map(({ id, nodes }) => [colorScheme, width, id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(await widest(page), `${width}`).toBeLessThanOrEqual(width);
  }
});

test('can be used by keyboard alone', async ({ peopled: { demo, browser } }) => {
  await scale(demo, 2);
  await using page = await browser.open();
  await expect.poll(() => names(page)).toEqual(clients(2));
  // Houses of the browser's spare sockets may come first.
  const focusedHouse = () => page.evaluate(() => document.activeElement?.querySelector('.name')?.textContent);
  for (let tabs = 0; tabs < 9 && (await focusedHouse()) !== 'client-2'; tabs += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  // Until then it shows its own choice.
  await expect.poll(() => page.locator('#client-name').textContent()).toMatch(/^client-2 : \d+$/);
  expect(await house(page, 'client-2').getAttribute('aria-pressed')).toBe('true');
  const focused = () => page.evaluate(() => document.activeElement?.id);
  for (let tabs = 0; tabs < 9 && (await focused()) !== 'hold'; tabs += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  expect(await page.getByRole('button', { name: 'Hold this one' }).getAttribute('aria-pressed')).toBe('true');
  const held = await page.locator('#client-name').textContent();
  await sleep(2500);
  expect(await page.locator('#client-name').textContent()).toBe(held);
});

test('stays legible with 1, 10 and 90 clients in their own houses, and with 110 in shared ones, in light and dark mode', async ({
  peopled: { demo, browser },
}) => {
  await scale(demo, 1);
  await using light = await browser.open({ colorScheme: 'light' });
  await using dark = await browser.open({ colorScheme: 'dark' });
  const pages = Object.entries({ light, dark });
  for (const [, page] of pages) await house(page, 'client-1').click();
  let before = 0;
  for (const count of [1, 10, 90, 110]) {
    if (count <= 10) await scale(demo, count);
    else for (const client of await demo.server.dialMany(count - before)) client.send('Hello\n');
    before = count;
    for (const [colorScheme, page] of pages) {
      // At most 90: the browser's spare sockets have houses too, and above 100 clients share houses.
      await expect.poll(() => shownClients(page)).toBeGreaterThanOrEqual(count);
      expect(await page.locator('#grouped').isVisible()).toBe(count > 100);
      await screenshot(page, `${count}-${colorScheme}`);
      expect(await page.locator('.house .name').evaluateAll(cutOff)).toEqual([]);
    }
  }
});
