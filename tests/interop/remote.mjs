// mcp-remote: a stdio client on one side, the server on the other; it signs in by itself in between.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import {
  ALGORITHM, COUNT, PROGRAM, SCRATCH, SERVER, check, counted, expiry, header, refused, step,
} from './steps.mjs';

const PATIENCE = 60_000;

/// How often browser.mjs signed in.
let logins = 0;

/// The bridge, spoken to as an MCP client speaks to a stdio server.
class Bridge {
  #waiting = new Map();
  #last = 0;

  constructor() {
    const hooks = new URL('./hooks.mjs', import.meta.url).href;
    const words = ['--import', hooks, PROGRAM, SERVER, '--allow-http', '--debug'];
    // Its configuration holds the registration and the tokens; one of its own, so that it has to get them.
    const env = { ...process.env, MCP_REMOTE_CONFIG_DIR: SCRATCH, HOME: SCRATCH, USERPROFILE: SCRATCH };
    this.process = spawn(process.execPath, words, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.process.stderr }).on('line', (line) => {
      if (line.startsWith('browser: sent back')) logins += 1;
      console.error(line);
    });
    this.process.on('exit', (code) => this.#fail(`mcp-remote ended with ${code}`));
    createInterface({ input: this.process.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      const waiting = this.#waiting.get(message.id);
      if (!waiting || message.method) return;
      this.#waiting.delete(message.id);
      if (message.error) waiting.reject(new Error(JSON.stringify(message.error)));
      else waiting.resolve(message.result);
    });
  }

  send(message) {
    this.process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  request(method, params) {
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method} in ${PATIENCE} ms`)), PATIENCE);
      const done = (settle) => (value) => { clearTimeout(timer); settle(value); };
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      this.send({ id, method, params });
    });
  }

  async close() {
    const ended = new Promise((resolve) => { this.process.once('exit', resolve); });
    this.process.kill();
    await ended;
  }

  #fail(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
  }
}

async function initialize(bridge) {
  const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'interop', version: '1' } };
  const { serverInfo, protocolVersion } = await bridge.request('initialize', client);
  bridge.send({ method: 'notifications/initialized' });
  return `${serverInfo.name} at ${protocolVersion}`;
}

function count(bridge) {
  return bridge.request('tools/call', { name: 'execute_query', arguments: { sql_query: COUNT } });
}

/// What it keeps of a login.
function kept() {
  const file = readdirSync(SCRATCH, { recursive: true }).find((name) => name.endsWith('_tokens.json'));
  check(file, 'it kept no tokens');
  return JSON.parse(readFileSync(join(SCRATCH, file)));
}

rmSync(SCRATCH, { recursive: true, force: true });
let bridge = new Bridge();
// Metadata, registration and the login happen before the bridge answers this.
await step('sign-in', async () => {
  const about = await initialize(bridge);
  const { alg } = header(kept().access_token);
  check(alg === ALGORITHM, `the token is signed with ${alg}`);
  check(logins === 1, `there were ${logins} logins`);
  return about;
});
await step('tools/call', async () => counted(await count(bridge)));
const first = kept();
await expiry(first.access_token);
await step('expired token refused', () => refused(first.access_token));
await step('tools/call after refresh', async () => {
  const found = counted(await count(bridge));
  check(kept().access_token !== first.access_token, 'it has no new access token');
  check(kept().refresh_token !== first.refresh_token, 'its refresh token was not rotated');
  return found;
});
await bridge.close();
bridge = new Bridge();
await step('second start on kept tokens', async () => {
  await initialize(bridge);
  const found = counted(await count(bridge));
  check(logins === 1, 'it asked the person again');
  return found;
});
await bridge.close();
