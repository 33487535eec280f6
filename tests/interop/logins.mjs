// A stored login that several servers share, and what the issuer knows of its refresh tokens.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { walk } from './browser.mjs';
import { digest } from './ledger.mjs';
import { ALGORITHM, BINARIES, ISSUER, SCRATCH, SERVER, check } from './steps.mjs';
import { StdioServer } from './stdio.mjs';

const REDIRECT = 'http://127.0.0.1:7/callback';

export class StoredLogin {
  /// `client` is one that the issuer knows (see LOGINS in issuer.mjs).
  constructor(client) {
    this.client = client;
    this.folder = join(SCRATCH, client);
    this.file = join(this.folder, 'tokens.json');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /// Signs in and leaves what `m4 login` leaves.
  async begin() {
    const verifier = randomBytes(32).toString('base64url');
    const asked = {
      client_id: this.client, response_type: 'code', redirect_uri: REDIRECT, scope: 'read:mimic-data', resource: SERVER,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    };
    const back = await walk(`${ISSUER}/auth?${new URLSearchParams(asked)}`);
    const form = {
      grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: REDIRECT,
      client_id: this.client, code_verifier: verifier, resource: SERVER,
    };
    const response = await fetch(`${ISSUER}/token`, { method: 'POST', body: new URLSearchParams(form) });
    const tokens = await response.json();
    check(response.ok && tokens.refresh_token, `the issuer gives no refresh token: ${response.status} ${tokens.error}`);
    const login = {
      version: 1, issuer: ISSUER, resource: SERVER, client_id: this.client, token_endpoint: `${ISSUER}/token`,
      token_type: tokens.token_type, access_token: tokens.access_token, refresh_token: tokens.refresh_token,
      scope: tokens.scope, issued_at: time(0), expires_at: time(tokens.expires_in),
    };
    writeFileSync(`${this.file}.new`, JSON.stringify({ version: 1, profiles: { default: [login] } }), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }

  /// A stdio server that has nothing but this login, ready for calls.
  async server() {
    const env = {
      ...process.env, M4_HOME: this.folder, M4_DATA_DIR: join(this.folder, 'data'),
      M4_OAUTH2_ENABLED: 'true', M4_OAUTH2_ISSUER_URL: ISSUER, M4_OAUTH2_AUDIENCE: SERVER,
      M4_OAUTH2_ALGORITHMS: ALGORITHM, M4_OAUTH2_RATE_LIMIT_REQUESTS: '1000000',
    };
    const server = new StdioServer(join(BINARIES, 'm4-mcp-server'), [], env);
    await server.initialize();
    return server;
  }

  /// What the issuer counted for this client.
  async ledger() {
    return (await fetch(`${ISSUER}/ledger?client=${this.client}`)).json();
  }

  /// Runs `act` with the next renewal's answer held back by so many milliseconds, and returns what it returns as soon as
  /// the refresh token has been spent.
  async spending(late, act) {
    const before = await this.ledger();
    await fetch(`${ISSUER}/ledger?client=${this.client}&late=${late}`, { method: 'POST' });
    const acted = act();
    // Whoever awaits it sees it fail; until then nobody may.
    Promise.resolve(acted).catch(() => {});
    const spent = async () => (await this.ledger()).rotated > before.rotated;
    await until(spent, late, 'nobody renewed the login');
    return { acted };
  }

  /// Whether the store has the newest refresh token there is.
  async isNewest() {
    return digest(this.stored().refresh_token) === (await this.ledger()).newest;
  }

  stored() {
    return JSON.parse(this.text()).profiles.default[0];
  }

  text() {
    return readFileSync(this.file, 'utf8');
  }

  /// That the store is whole, and nothing was put aside as damaged.
  whole() {
    check(this.stored().refresh_token, 'the store has no refresh token');
    // A process that is killed leaves the file it was writing behind, for the next one to replace.
    const ours = ['tokens.json', 'tokens.json.partial', 'tokens.lock'];
    const odd = readdirSync(this.folder).filter((name) => !ours.includes(name));
    check(odd.length === 0, `beside the store lies ${odd}`);
  }
}

/// The text of a call's answer, which has to be a good one.
export function answered(result) {
  check(!result.isError, `a call was refused: ${result.content[0].text}`);
  return result.content[0].text;
}

/// Waits until `test` is true.
export async function until(test, patience, otherwise) {
  for (const end = Date.now() + patience; !(await test()); ) {
    check(Date.now() < end, otherwise);
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}

function time(inSeconds) {
  return new Date((Math.floor(Date.now() / 1000) + inSeconds) * 1000).toISOString().replace('.000', '');
}
