// How a script reports to `cargo xtask interop`: one JSON line a step, on stdout.

/// Runs a step; what the function returns is shown beside it. Later steps are not tried when one fails.
export async function step(name, run) {
  const start = performance.now();
  const report = (ok, detail) => {
    const ms = Math.round(performance.now() - start);
    console.log(JSON.stringify({ step: name, ok, ms, detail: String(detail ?? '') }));
  };
  try {
    report(true, await run());
  } catch (error) {
    console.error(error);
    report(false, error.message);
    process.exit(1);
  }
}

export function check(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/// What a script is told by its environment.
export const { SERVER, ISSUER, PROGRAM, BINARIES, DATA, SCRATCH, ALGORITHM } = process.env;

export const COUNT = 'SELECT count(*) AS n FROM mimiciv_hosp.patients';

/// The sample dataset has this many patients.
export const PATIENTS = 100;

/// The number that a call of `execute_query` with COUNT came back with.
export function counted(result) {
  check(result && !result.isError, `the call failed: ${JSON.stringify(result)}`);
  const count = result.structuredContent?.rows?.[0]?.[0];
  check(count === PATIENTS, `not ${PATIENTS} patients but ${JSON.stringify(result)}`);
  return `${count} patients`;
}

/// A token for the server without a person; `undefined` while the issuer does not answer.
export async function workerToken() {
  const form = { grant_type: 'client_credentials', scope: 'read:mimic-data', resource: SERVER };
  let response;
  try {
    response = await fetch(`${ISSUER}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('worker:worker-secret')}` },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(5000),
    });
    if (response.ok) return (await response.json()).access_token;
  } catch {
    return undefined;
  }
  throw new Error(`the issuer refuses a token: ${response.status} ${await response.text()}`);
}

/// The header of a token: which key signed it, and how.
export function header(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}

/// Waits until a token has expired.
export async function expiry(token) {
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  await new Promise((resolve) => { setTimeout(resolve, (exp + 1) * 1000 - Date.now()); });
}

/// That a call with this token is answered as RFC 6750 has it.
export async function refused(token) {
  const { status, challenge } = await call(token, 'tools/list', {});
  check(status === 401, `it is answered ${status}, not 401`);
  check(/error="invalid_token"/.test(challenge ?? ''), `the challenge is: ${challenge}`);
  return `${status} invalid_token`;
}

/// One call as curl would make it, without a session.
export async function call(token, method, params) {
  const response = await fetch(SERVER, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate'), text };
}
