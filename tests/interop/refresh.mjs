// Stdio servers that share one stored login at an issuer where a refresh token works once and a second use ends the
// login for everybody: none may be lost while they renew it, end or are killed, except with an answer nobody else has.
import { setTimeout as sleep } from 'node:timers/promises';

import { StoredLogin, answered } from './logins.mjs';
import { check, step } from './steps.mjs';

const SERVERS = 8;
const CALLS = 200;
const PROGRESS = 200;
const SECONDS = 20;
const KILLS = 60;
const LATE = 3000;

const hasty = new StoredLogin('hasty');
let servers;

function all(run) {
  return Promise.all(servers.map(run));
}

async function launch(login) {
  servers = await Promise.all(Array.from({ length: SERVERS }, () => login.server()));
}

/// That the issuer rotated this often since `before`, and saw no token twice.
async function rotated(login, before, times) {
  const { rotated: now, reused } = await login.ledger();
  check(reused === before.reused, `${reused - before.reused} refresh tokens were used twice`);
  check(now - before.rotated === times, `the login was renewed ${now - before.rotated} times, not ${times}`);
}

await step('8 × 200 renewals', async () => {
  await hasty.begin();
  await launch(hasty);
  const before = await hasty.ledger();
  let done = 0;
  let slowest = 0;
  await all(async (server) => {
    for (let count = 0; count < CALLS; count += 1) {
      const start = performance.now();
      answered(await server.call('whoami'));
      slowest = Math.max(slowest, Math.round(performance.now() - start));
      done += 1;
      if (done % PROGRESS === 0) console.log(`${done} renewals`);
    }
  });
  await rotated(hasty, before, SERVERS * CALLS);
  check(await hasty.isNewest(), 'the newest refresh token is not in the store');
  hasty.whole();
  return `${done} renewals by ${SERVERS} servers, no token used twice, slowest call ${slowest} ms`;
});

await step('tokens of 3 seconds', async () => {
  const brief = new StoredLogin('brief');
  await brief.begin();
  const kept = servers;
  await launch(brief);
  const before = await brief.ledger();
  let calls = 0;
  const end = Date.now() + SECONDS * 1000;
  await all(async (server) => {
    while (Date.now() < end) {
      answered(await server.call('whoami'));
      calls += 1;
      await sleep(20);
    }
  });
  const after = await brief.ledger();
  const renewals = after.rotated - before.rotated;
  check(after.reused === before.reused, 'a refresh token was used twice');
  // Two seconds after it was issued, in whole seconds: one server renews for all.
  check(renewals >= SECONDS / 4 && renewals <= SECONDS + 1, `${renewals} renewals in ${SECONDS} seconds`);
  await all((server) => server.close());
  servers = kept;
  return `${renewals} renewals for ${calls} calls of ${SERVERS} servers`;
});

await step('killed while it waits', async () => {
  const before = await hasty.ledger();
  const victim = await hasty.server();
  const { acted } = await hasty.spending(LATE, () => servers[0].call('whoami'));
  const lost = victim.call('whoami').catch(() => {});
  // Long enough to be waiting for the lock by then, shorter than the answer is held back.
  await sleep(LATE / 4);
  await victim.kill('SIGKILL');
  await lost;
  answered(await acted);
  answered(await servers[1].call('whoami'));
  await rotated(hasty, before, 2);
});

for (const [name, end] of [
  ['stdin closed in a renewal', (server) => server.close()],
  ['SIGTERM in a renewal', (server) => server.kill('SIGTERM')],
  ['SIGINT in a renewal', (server) => server.kill('SIGINT')],
]) {
  await step(name, async () => {
    const before = await hasty.ledger();
    const leaving = await hasty.server();
    await hasty.spending(LATE, () => leaving.call('whoami'));
    const start = performance.now();
    await end(leaving);
    check(await hasty.isNewest(), 'it ended without keeping what it was given: the login is lost');
    const waited = Math.round(performance.now() - start);
    answered(await servers[0].call('whoami'));
    await rotated(hasty, before, 2);
    return `it ended ${waited} ms later, with the new tokens stored`;
  });
}

await step('killed after it spent', async () => {
  const before = await hasty.ledger();
  const text = hasty.text();
  const victim = await hasty.server();
  await hasty.spending(LATE, () => victim.call('whoami'));
  await victim.kill('SIGKILL');
  await all(async (server) => {
    const { isError, content: [{ text: said }] } = await server.call('whoami');
    check(isError && /the login is over\nHint: run `m4 login`/.test(said), `it says: ${said}`);
  });
  const { reused } = await hasty.ledger();
  check(reused === before.reused + 1, `${reused - before.reused} refresh tokens were used twice, not one`);
  check(same(text, hasty.text()), 'the store was changed');
  hasty.whole();
  await hasty.begin();
  await all(async (server) => answered(await server.call('whoami')));
  return `${SERVERS} servers ask for a login, and go on when there is one`;
});

await step('killed at any moment', async () => {
  await Promise.all(servers.splice(2).map((server) => server.close()));
  let lost = 0;
  for (let count = 1; count <= KILLS; count += 1) {
    if (await killed()) lost += 1;
    if (count % 10 === 0) console.log(`${count} kills, ${lost} logins lost`);
  }
  await all((server) => server.close());
  return `${KILLS} kills between ${servers.length + 1} servers that renew without pause: ${lost} took the answer with them`;
});

/// Kills a server that renews among others that do; returns whether the login went with it. It may only go with an answer
/// that came, or was to come, to the one that was killed.
async function killed() {
  const before = await hasty.ledger();
  const victim = await hasty.server();
  let alive = true;
  let over = 0;
  const busy = all(async (server) => {
    while (alive) over += await isOver(server) ? 1 : 0;
    over += await isOver(server) ? 1 : 0;
  });
  const calls = (async () => { while (alive) answered(await victim.call('whoami')); })().catch(() => {});
  await sleep(50 + Math.random() * 300);
  await victim.kill('SIGKILL');
  alive = false;
  await Promise.all([busy, calls]);
  hasty.whole();
  const newest = await hasty.isNewest();
  const reused = (await hasty.ledger()).reused - before.reused;
  if (over === 0) {
    check(newest && reused === 0, `no login lost, but ${reused} tokens used twice, newest stored: ${newest}`);
    return false;
  }
  check(!newest && reused === 1, `a login lost without need: ${reused} tokens used twice, newest stored: ${newest}`);
  await hasty.begin();
  return true;
}

async function isOver(server) {
  const { isError, content: [{ text }] } = await server.call('whoami');
  if (!isError) return false;
  check(/the login is over/.test(text), `a call was refused: ${text}`);
  return true;
}

/// The same login, however it is laid out.
function same(before, after) {
  return JSON.stringify(JSON.parse(before)) === JSON.stringify(JSON.parse(after));
}
