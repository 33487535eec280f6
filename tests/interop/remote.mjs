// mcp-remote: a stdio client on one side, the server on the other; it signs in by itself in between.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import {
  ALGORITHM, COUNT, PROGRAM, SCRATCH, SERVER, check, counted, expiry, header, refused, step,
} from './steps.mjs';
import { StdioServer } from './stdio.mjs';

/// How often browser.mjs signed in.
let logins = 0;

/// The bridge, which is a stdio server to its user.
function bridgeTo(url) {
  const hooks = new URL('./hooks.mjs', import.meta.url).href;
  const words = ['--import', hooks, PROGRAM, url, '--allow-http', '--debug'];
  // Its configuration holds the registration and the tokens; one of its own, so that it has to get them.
  const env = { ...process.env, MCP_REMOTE_CONFIG_DIR: SCRATCH, HOME: SCRATCH, USERPROFILE: SCRATCH };
  return new StdioServer(process.execPath, words, env, (line) => {
    if (line.startsWith('browser: sent back')) logins += 1;
    console.error(line);
  });
}

function count(bridge) {
  return bridge.call('execute_query', { sql_query: COUNT });
}

/// What it keeps of a login.
function kept() {
  const file = readdirSync(SCRATCH, { recursive: true }).find((name) => name.endsWith('_tokens.json'));
  check(file, 'it kept no tokens');
  return JSON.parse(readFileSync(join(SCRATCH, file)));
}

rmSync(SCRATCH, { recursive: true, force: true });
let bridge = bridgeTo(SERVER);
// Metadata, registration and the login happen before the bridge answers this.
await step('sign-in', async () => {
  const { serverInfo, protocolVersion } = await bridge.initialize();
  const { alg } = header(kept().access_token);
  check(alg === ALGORITHM, `the token is signed with ${alg}`);
  check(logins === 1, `there were ${logins} logins`);
  return `${serverInfo.name} at ${protocolVersion}`;
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
await bridge.kill();
bridge = bridgeTo(SERVER);
await step('second start on kept tokens', async () => {
  await bridge.initialize();
  const found = counted(await count(bridge));
  check(logins === 1, 'it asked the person again');
  return found;
});
await bridge.kill();
