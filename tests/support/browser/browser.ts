/** A real browser in its own container, on a demo's network, where the server's host name is `server`. */
import { type Browser as Chromium, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';

export const BROWSER_IMAGE = 'knock-test-browser';
const DEBUGGING_PORT = 9222;

export class Browser implements AsyncDisposable {
  readonly #container: StartedTestContainer;
  readonly #chromium: Chromium;

  static async on(networkName: string): Promise<Browser> {
    const container = await new GenericContainer(BROWSER_IMAGE)
      .withNetworkMode(networkName)
      .withExposedPorts(DEBUGGING_PORT)
      .withWaitStrategy(Wait.forLogMessage('DevTools listening on'))
      .start();
    const address = `http://127.0.0.1:${container.getMappedPort(DEBUGGING_PORT)}`;
    return new Browser(container, await chromium.connectOverCDP(address));
  }

  private constructor(container: StartedTestContainer, started: Chromium) {
    this.#container = container;
    this.#chromium = started;
  }

  /** Opens the server's page in a fresh context, which closes with the page, and waits until it is live. */
  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.#chromium.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.setDefaultTimeout(30_000);
    await page.goto('http://server:12000/');
    await page.getByText('live from server-1').waitFor();
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chromium.close();
    await this.#container.stop();
  }
}
