// Callers that never pause while the issuer's keys change under them: no call may fail.
//
// Each time every worker has made enough calls with tokens of one signing key, a step is reported; whoever runs this
// then rotates the keys and restarts the issuer, until KEYS_TO_SEE keys have been seen.
import { ALGORITHM, COUNT, call, check, counted, header, step, workerToken } from './steps.mjs';

const WORKERS = 6;
const CALLS_PER_KEY = 20;
const KEYS_TO_SEE = 3;
// So that most tokens are new to the server, and it has to look for their key.
const CALLS_PER_TOKEN = 5;
const PATIENCE = 120_000;

const keys = []; // key ids in order of appearance
const tally = { calls: 0, withoutIssuer: 0, tokens: 0, failed: 0, kinds: new Map(), first: '' };
let done = false;

function failed(why, kind) {
  tally.failed += 1;
  tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
  tally.first ||= why;
  console.error(new Date().toISOString(), why);
}

class Worker {
  calls = new Map(); // by key id

  async run() {
    let token;
    for (let count = 0; !done; count += 1) {
      const due = count % CALLS_PER_TOKEN === 0 || !token;
      const fresh = due || this.wanting ? await workerToken() : undefined;
      // A client that cannot renew goes on with what it has.
      this.wanting = (due || this.wanting) && !fresh;
      if (fresh) {
        tally.tokens += 1;
        token = fresh;
      }
      if (token) await this.#call(token, count);
    }
  }

  async #call(token, count) {
    const tool = count % 2 === 0
      ? { name: 'list_datasets', arguments: {} }
      : { name: 'execute_query', arguments: { sql_query: COUNT } };
    tally.calls += 1;
    if (this.wanting) tally.withoutIssuer += 1;
    let kind = 'no answer';
    try {
      const { status, text } = await call(token, 'tools/call', tool);
      kind = status;
      check(status === 200, `${status} ${text}`);
      const { result, error } = JSON.parse(text);
      check(result && !result.isError, `200 ${JSON.stringify(error ?? result)}`);
      if (tool.name === 'execute_query') counted(result);
      this.#succeeded(header(token));
    } catch (error) {
      failed(`${tool.name}: ${error.message}`, kind);
    }
  }

  #succeeded({ kid, alg }) {
    check(alg === ALGORITHM, `a token is signed with ${alg}`);
    if (!keys.includes(kid)) keys.push(kid);
    this.calls.set(kid, (this.calls.get(kid) ?? 0) + 1);
  }
}

const workers = Array.from({ length: WORKERS }, () => new Worker());
const running = Promise.all(workers.map((worker) => worker.run()));
// Reported below as a step, not as an unhandled rejection.
running.catch((error) => failed(error.message, 'worker ended'));

for (let number = 1; number <= KEYS_TO_SEE; number += 1) {
  await step(`under key ${number}`, async () => {
    const end = Date.now() + PATIENCE;
    const enough = () => workers.every(({ calls }) => (calls.get(keys[number - 1]) ?? 0) >= CALLS_PER_KEY);
    while (!enough()) {
      const so = `${keys.length} keys seen, ${tally.calls} calls, ${tally.failed} failed`;
      check(Date.now() < end, `no end after ${PATIENCE} ms: ${so}: ${tally.first}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return `${tally.calls} calls so far`;
  });
}
done = true;
await step('no call failed', async () => {
  await running.catch(() => {});
  const { calls, failed, tokens, withoutIssuer } = tally;
  const summary = `${calls} calls, ${failed} failed, ${tokens} tokens, ${withoutIssuer} calls without the issuer`;
  const kinds = [...tally.kinds].map(([kind, count]) => `${count} × ${kind}`).join(', ');
  check(failed === 0, `${summary} (${kinds}); the first: ${tally.first}`);
  check(withoutIssuer > 0, `${summary}: the issuer was never away`);
  return summary;
});
