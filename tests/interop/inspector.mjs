// The MCP inspector's command line, over HTTP with a bearer header, in both eras of the protocol.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { ALGORITHM, COUNT, PROGRAM, SCRATCH, SERVER, check, counted, header, step, workerToken } from './steps.mjs';

const run = promisify(execFile);

async function inspect(token, ...args) {
  const words = [PROGRAM, '--cli', SERVER, '--transport', 'http', '--format', 'json', ...args];
  if (token) words.push('--header', `Authorization: Bearer ${token}`);
  else words.push('--stored-auth-only');
  // It keeps a catalogue in the home directory; the developer's own is none of ours.
  const env = { ...process.env, HOME: SCRATCH, USERPROFILE: SCRATCH };
  const { stdout } = await run(process.execPath, words, { env, timeout: 120_000, maxBuffer: 1 << 24 });
  const answer = JSON.parse(stdout);
  return answer.result ?? answer;
}

let token;
await step('token', async () => {
  token = await workerToken();
  check(token && header(token).alg === ALGORITHM, `no ${ALGORITHM} token of the issuer`);
});
await step('refused without a token', async () => {
  const error = await inspect(undefined, '--method', 'tools/list').catch((thrown) => thrown);
  check(/auth_required/.test(error.stderr), `it did not see that it has to sign in: ${error.stderr}`);
});
for (const era of ['legacy', 'modern']) {
  await step(`tools/list (${era})`, async () => {
    const { tools } = await inspect(token, '--protocol-era', era, '--method', 'tools/list');
    check(tools.some(({ name }) => name === 'execute_query'), 'execute_query is not listed');
    return `${tools.length} tools`;
  });
  await step(`tools/call (${era})`, async () => {
    const query = ['--tool-name', 'execute_query', '--tool-arg', `sql_query=${COUNT}`];
    return counted(await inspect(token, '--protocol-era', era, '--method', 'tools/call', ...query));
  });
}
