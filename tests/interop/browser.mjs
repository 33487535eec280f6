// The person at the browser: signs in at the issuer's page, agrees, and is sent back to the client.
//
//   node browser.mjs URL            visits the client's callback in the end
//   node browser.mjs --print URL    prints where it would be sent instead
//
// It is also what clients get that `import open from 'open'` (see hooks.mjs).
import { pathToFileURL } from 'node:url';

const MOST_STEPS = 20;
const PATIENCE = 10_000;

/// Walks from an authorization URL to the redirect back; returns that redirect.
export async function walk(url) {
  const home = new URL(url).origin;
  const cookies = new Map();
  let step = { url: new URL(url) };
  for (let count = 0; count < MOST_STEPS; count += 1) {
    const response = await fetch(step.url, {
      method: step.form ? 'POST' : 'GET',
      body: step.form,
      redirect: 'manual',
      headers: { cookie: cookiesFor(cookies, step.url) },
    });
    keep(cookies, response, step.url);
    const location = response.headers.get('location');
    const text = await response.text();
    if (location) {
      const next = new URL(location, step.url);
      // Away from the issuer: only the client's own address is left.
      if (next.origin !== home) return next;
      step = { url: next };
    } else if (response.ok) {
      step = submit(text, step.url);
    } else {
      throw new Error(`${step.url.pathname} answers ${response.status}: ${plain(text)}`);
    }
  }
  throw new Error(`still at the issuer after ${MOST_STEPS} steps`);
}

/// Like the `open` package: returns while the browser does its work.
export default async function open(url) {
  visit(url).catch((error) => console.error(`browser: ${error.message}`));
  // What `open` answers is a child process; clients wait for its events or let it go.
  return { pid: process.pid, exitCode: null, on() {}, once() {}, off() {}, removeListener() {}, unref() {} };
}

async function visit(url) {
  const back = await walk(url);
  const answer = await arrive(back);
  console.error(`browser: sent back to ${back.origin}`);
  if (answer.status >= 400) throw new Error(`the client's callback answers ${answer.status}`);
}

// A client may start to listen only after it opened the browser: no person is as fast as this one.
async function arrive(url) {
  for (const end = Date.now() + PATIENCE; ; await new Promise((resolve) => { setTimeout(resolve, 50); })) {
    try {
      return await fetch(url, { redirect: 'manual' });
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

// Whatever the form asks for as text is answered; the issuer takes any name and password.
function submit(page, base) {
  const form = /<form[^>]*\baction="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(page);
  if (!form) throw new Error(`${base.pathname} shows no form: ${plain(page)}`);
  const fields = new URLSearchParams();
  for (const [input] of form[2].matchAll(/<input[^>]*>/g)) {
    const value = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1];
    fields.set(value('name'), value('value') ?? 'researcher');
  }
  return { url: new URL(form[1].replaceAll('&amp;', '&'), base), form: fields };
}

function keep(cookies, response, url) {
  for (const line of response.headers.getSetCookie()) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? url.pathname;
    const [name, ...value] = pair.split('=');
    cookies.set(`${path} ${name}`, { path, pair: `${name}=${value.join('=')}`, gone: value.join('=') === '' });
  }
}

function cookiesFor(cookies, url) {
  const fits = ({ path, gone }) => !gone && (path === '/' || `${url.pathname}/`.startsWith(`${path}/`));
  return [...cookies.values()].filter(fits).map(({ pair }) => pair).join('; ');
}

function plain(page) {
  return page.replace(/<style[\s\S]*?<\/style>|<[^>]+>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 300);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [flag, url] = process.argv[2] === '--print' ? process.argv.slice(2) : [undefined, process.argv[2]];
  if (flag) console.log(String(await walk(url)));
  else await visit(url);
}
