// The command line, in a home of its own, as a person at a terminal would use it.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ALGORITHM, BINARIES, DATA, ISSUER, SCRATCH, SERVER, check } from './steps.mjs';
import { StdioServer } from './stdio.mjs';
import { until } from './webdriver.mjs';

/// What a person is told to know the issuer by.
const PROTECTED = {
  M4_OAUTH2_ENABLED: 'true', M4_OAUTH2_ISSUER_URL: ISSUER, M4_OAUTH2_AUDIENCE: SERVER, M4_OAUTH2_ALGORITHMS: ALGORITHM,
};

export class Home {
  constructor(name, { configured = true } = {}) {
    this.folder = join(SCRATCH, name);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.environment = {
      ...process.env, M4_HOME: this.folder, M4_DATA_DIR: DATA, HOME: this.folder,
      // The system's browser; ours is told what to do by the script.
      BROWSER: 'true',
      ...(configured ? PROTECTED : {}),
    };
  }

  /// Starts `m4`.
  start(...args) {
    return new Running(join(BINARIES, 'm4'), args, this.environment);
  }

  /// Runs `m4` to its end, which has to be a good one, and returns its stdout.
  async m4(...args) {
    const run = this.start(...args);
    const code = await run.ended;
    check(code === 0, `m4 ${args[0]} ended with ${code}: ${run.stderr}`);
    return run.stdout;
  }

  /// A stdio server, ready for calls.
  async server() {
    const server = new StdioServer(join(BINARIES, 'm4-mcp-server'), [], this.environment);
    await server.initialize();
    return server;
  }

  /// The logins that are stored.
  logins(profile = 'default') {
    return JSON.parse(readFileSync(join(this.folder, 'tokens.json'), 'utf8')).profiles[profile] ?? [];
  }
}

class Running {
  stdout = '';
  stderr = '';

  constructor(program, args, env) {
    this.process = spawn(program, args, { env, stdio: 'pipe' });
    this.process.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; process.stderr.write(text); });
    this.process.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) => { this.code = code ?? signal; resolve(this.code); });
    });
  }

  get isRunning() {
    return this.code === undefined;
  }

  /// Waits for a pattern in what it says to the person.
  async said(pattern) {
    const found = () => pattern.exec(this.stderr);
    await until(async () => found() || !this.isRunning, `m4 does not say ${pattern}: ${this.stderr}`);
    check(found(), `m4 ended with ${this.code} and did not say ${pattern}: ${this.stderr}`);
    return found();
  }

  /// The address it asks the person to open.
  async address() {
    const [text] = await this.said(/https?:\/\/\S*\/auth\?\S+/);
    return new URL(text);
  }

  type(line) {
    this.process.stdin.write(`${line}\n`);
  }
}
