// A person logs in with `m4 login` at a real issuer in a real browser, and uses the login.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

import { walk } from './browser.mjs';
import { Home } from './m4.mjs';
import { ALGORITHM, COUNT, ISSUER, SCRATCH, SERVER, call, check, counted, header, step } from './steps.mjs';
import { Browser } from './webdriver.mjs';

const PERSON = 'researcher';
const DEFAULT_PORT = 8088;
const SUBMIT = 'button[type=submit]';
const MARKUP = '<img src=x onerror="window.owned=true"><script>window.owned=true</script>';

const browser = await Browser.start(SCRATCH);
process.on('exit', () => browser.stop());
const home = new Home('home');

/// Goes where `m4` says and signs in; `answered` is what is clicked on the page that asks for consent.
async function signIn(address, answered = SUBMIT) {
  await browser.open(`${ISSUER}/.well-known/openid-configuration`);
  await browser.forget();
  await browser.open(String(address));
  await identify(answered);
}

/// Answers the issuer's pages: who it is, and whether they agree.
async function identify(answered = SUBMIT) {
  await browser.fill('input[name=login]', PERSON);
  await browser.fill('input[name=password]', 'any');
  await browser.leave(SUBMIT);
  await browser.leave(answered);
}

/// Logs in at the address that `m4` gives, and checks that both ends say so; returns the redirect URI.
async function logIn(run) {
  const address = await run.address();
  const redirect = address.searchParams.get('redirect_uri');
  check(address.searchParams.get('code_challenge_method') === 'S256', 'no PKCE with S256');
  await signIn(address);
  await browser.arrive(redirect);
  const code = await run.ended;
  check(code === 0, `m4 login ended with ${code}: ${run.stderr}`);
  noSecret(run, await browser.source());
  return redirect;
}

/// That neither the terminal nor the page shows a token.
function noSecret(run, page) {
  for (const login of home.logins()) {
    for (const secret of [login.access_token, login.refresh_token]) {
      check(!`${run.stdout}${run.stderr}${page}`.includes(secret), 'a token is shown');
    }
  }
}

let first;
await step('sign-in', async () => {
  first = await logIn(home.start('login'));
  check((await browser.title()).startsWith('You are logged in'), `the page says: ${await browser.text()}`);
  await browser.screenshot(join(dirname(SCRATCH), 'login-success.png'));
  const [login] = home.logins();
  check(header(login.access_token).alg === ALGORITHM, `the token is signed with ${header(login.access_token).alg}`);
  check(login.refresh_token, 'there is no refresh token');
  return `back at ${first}`;
});

await step('whoami and status', async () => {
  const shown = `${await home.m4('whoami')}${await home.m4('auth', 'status')}`;
  check(shown.includes(PERSON) && shown.includes(ISSUER), `it says: ${shown}`);
  check(!shown.includes(home.logins()[0].access_token), 'a token is shown');
});

await step('the stdio server uses it', async () => {
  const server = await home.server();
  const found = counted(await server.call('execute_query', { sql_query: COUNT }));
  await server.close();
  return found;
});

await step('the HTTP server takes it', async () => {
  const token = (await home.m4('token')).trim();
  const { status, text } = await call(token, 'tools/call', { name: 'execute_query', arguments: { sql_query: COUNT } });
  check(status === 200, `${status} ${text}`);
  return counted(JSON.parse(text).result);
});

await step('another login', async () => {
  const [before] = home.logins();
  const redirect = await logIn(home.start('login'));
  const [login, ...others] = home.logins();
  check(others.length === 0, `there are ${others.length} other logins`);
  check(login.access_token !== before.access_token, 'the login is the old one');
  // At another port it would have to register again: issuers may compare redirect URIs to the letter.
  check(redirect !== first || login.client_id === before.client_id, 'it registered again');
});

await step('its port is taken', async () => {
  const release = await occupy(DEFAULT_PORT);
  const redirect = await logIn(home.start('login'));
  release();
  check(!redirect.includes(`:${DEFAULT_PORT}/`), `it came back at ${redirect}`);
  return `back at ${redirect}`;
});

await step('the person says no', async () => {
  const before = home.logins();
  const run = home.start('login');
  const address = await run.address();
  await signIn(address, 'a[href$="/abort"]');
  await browser.arrive(address.searchParams.get('redirect_uri'));
  check((await browser.title()).startsWith('You are not logged in'), `the page says: ${await browser.text()}`);
  await browser.screenshot(join(dirname(SCRATCH), 'login-failure.png'));
  const code = await run.ended;
  check(code !== 0 && run.stderr.includes('access_denied'), `m4 ended with ${code}: ${run.stderr}`);
  same(before);
});

await step('an error that is markup', async () => {
  const run = home.start('login');
  const back = answer(await run.address(), { error: 'server_error', error_description: MARKUP });
  await browser.open(back);
  const owned = await browser.run('return [document.images.length, document.scripts.length, window.owned === true]');
  check(JSON.stringify(owned) === '[0,0,false]', `images, scripts, and whether one ran: ${owned}`);
  check(await run.ended !== 0, 'm4 login succeeded');
});

await step('answers to another login', async () => {
  const run = home.start('login');
  const address = await run.address();
  await browser.open(answer(address, { code: 'stolen', state: 'guessed' }));
  check(!(await browser.title()).startsWith('You are logged in'), 'a wrong state is taken');
  const strays = ['/', '/favicon.ico', '/callback/other'];
  for (const path of strays) await fetch(new URL(path, address.searchParams.get('redirect_uri')));
  check(run.isRunning, `m4 login ended: ${run.stderr}`);
  await signIn(address);
  check(await run.ended === 0, run.stderr);
  return 'goes on waiting, and is then logged in';
});

await step('pasted, without a browser', async () => {
  const run = home.start('login', '--no-browser');
  const back = await walk(String(await run.address()));
  run.type('what is this');
  run.type(String(back));
  check(await run.ended === 0, run.stderr);
  check(!run.stderr.includes(back.searchParams.get('code')), 'the code is on the screen');
});

await step('another issuer in the answer', async () => {
  const before = home.logins();
  const run = home.start('login');
  const back = answer(await run.address(), { error: 'access_denied', error_description: 'call 555', iss: 'http://127.0.0.1:1' });
  await browser.open(back);
  check(!`${await browser.text()}${run.stderr}`.includes('555'), 'what another issuer says is shown');
  run.process.kill('SIGINT');
  check(await run.ended !== 0, 'm4 login succeeded');
  same(before);
});

await step('login to a server (--mcp)', async () => {
  const fresh = new Home('mcp', { configured: false });
  const run = fresh.start('login', '--mcp', SERVER);
  const address = await run.address();
  await signIn(address);
  check(await run.ended === 0, run.stderr);
  const [login] = fresh.logins();
  check(login.resource === SERVER && login.issuer === ISSUER, `logged in at ${login.issuer} for ${login.resource}`);
  const { status, text } = await call(login.access_token, 'tools/list', {});
  check(status === 200, `${status} ${text}`);
  return `metadata of the server, issuer, registration of ${login.client_id}`;
});

await step('on another device', async () => {
  const device = new Home('device');
  const run = device.start('login', '--device');
  const [, code] = await run.said(/\b([A-Z]{4}-[A-Z]{4})\b/);
  await browser.open(`${ISSUER}/device`);
  await browser.forget();
  await browser.open(`${ISSUER}/device`);
  await browser.fill('input[name=user_code]', code);
  await browser.leave(SUBMIT);
  await browser.leave(SUBMIT);
  await identify();
  check(await run.ended === 0, run.stderr);
  check((await device.m4('whoami')).includes(PERSON), 'whoami does not know the person');
});

await step('logout gives the tokens back', async () => {
  const [{ refresh_token: refreshToken, client_id: clientId }] = home.logins();
  await home.m4('logout');
  check(home.logins().length === 0, 'the login is still there');
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId };
  const response = await fetch(`${ISSUER}/token`, { method: 'POST', body: new URLSearchParams(form) });
  const { error } = await response.json();
  check(error === 'invalid_grant', `the issuer still takes the refresh token: ${response.status} ${error}`);
  check(await home.start('whoami').ended !== 0, 'whoami still knows somebody');
});
await browser.close();

/// An answer to this login that the issuer never gave.
function answer(address, parameters) {
  const back = new URL(address.searchParams.get('redirect_uri'));
  const all = { state: address.searchParams.get('state'), iss: ISSUER, ...parameters };
  back.search = new URLSearchParams(all);
  return String(back);
}

/// That the logins are what they were.
function same(before) {
  check(JSON.stringify(home.logins()) === JSON.stringify(before), 'the stored login was changed');
}

/// Takes a port, unless somebody else has it already; returns what gives it back.
async function occupy(port) {
  const server = createServer().listen(port, 'localhost');
  await once(server, 'listening').catch(() => {});
  return () => server.close();
}
