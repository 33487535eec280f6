// A real browser without a window: Chromium, told what to do over W3C WebDriver.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const PATIENCE = 20_000;
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

// Quiet towards the network, and able to run as root in a container, where there is no sandbox to be had.
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--window-size=1280,800',
];

export class Browser {
  #driver;
  #session;

  /// Starts the driver and, with a profile of its own in this folder, the browser.
  static async start(folder) {
    const browser = new Browser();
    const profile = join(folder, 'chromium');
    mkdirSync(profile, { recursive: true });
    const port = await freePort();
    browser.#driver = spawn(process.env.CHROMEDRIVER, [`--port=${port}`], {
      stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, HOME: folder },
    });
    browser.#session = `http://127.0.0.1:${port}/session`;
    await until(async () => (await fetch(`http://127.0.0.1:${port}/status`)).ok, 'chromedriver does not start');
    const options = { binary: process.env.CHROMIUM, args: [...FLAGS, `--user-data-dir=${profile}`] };
    const capabilities = { alwaysMatch: { browserName: 'chrome', 'goog:chromeOptions': options } };
    const { sessionId } = await browser.#call('POST', '', { capabilities });
    browser.#session += `/${sessionId}`;
    return browser;
  }

  /// Goes there and waits until the page is loaded.
  open(url) {
    return this.#call('POST', '/url', { url });
  }

  url() {
    return this.#call('GET', '/url');
  }

  title() {
    return this.#call('GET', '/title');
  }

  /// What a person reads on the page.
  async text() {
    return this.#call('GET', `/element/${await this.#find('body')}/text`);
  }

  /// The page as it was built.
  source() {
    return this.#call('GET', '/source');
  }

  async fill(css, text) {
    await this.#call('POST', `/element/${await this.#find(css)}/value`, { text });
  }

  /// Clicks what leads to another page, and waits for that.
  async leave(css) {
    // Each page's elements have names of their own.
    const page = await this.#find('html');
    await this.#call('POST', `/element/${await this.#find(css)}/click`, {});
    await until(async () => await this.#find('html') !== page, `the page stays after a click on ${css}`);
  }

  /// Waits until the address begins like this.
  async arrive(prefix) {
    await until(async () => (await this.url()).startsWith(prefix), `the browser does not get to ${prefix}`);
    return this.url();
  }

  /// Runs a script in the page and returns what it returns.
  run(script) {
    return this.#call('POST', '/execute/sync', { script, args: [] });
  }

  async screenshot(file) {
    writeFileSync(file, Buffer.from(await this.#call('GET', '/screenshot'), 'base64'));
  }

  /// Forgets who signed in at the site of this page.
  forget() {
    return this.#call('DELETE', '/cookie');
  }

  async close() {
    await this.#call('DELETE', '').catch(() => {});
    this.stop();
  }

  /// Ends it without waiting, when the script ends.
  stop() {
    this.#driver.kill();
  }

  async #find(css) {
    return (await this.#call('POST', '/element', { using: 'css selector', value: css }))[ELEMENT];
  }

  async #call(method, path, body) {
    const response = await fetch(this.#session + path, {
      method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE * 2),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.message.split('\n')[0]}`);
    return value;
  }
}

/// Waits until `test` is true; a test that throws is not.
export async function until(test, otherwise) {
  for (const end = Date.now() + PATIENCE; !(await test().catch(() => false)); ) {
    if (Date.now() > end) throw new Error(otherwise);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
