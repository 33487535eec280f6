// A stdio server, spoken to as an MCP client speaks to one.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const PATIENCE = 60_000;

export class StdioServer {
  #waiting = new Map();
  #last = 0;

  /// Starts it; every line of its stderr goes to `log`.
  constructor(program, args, env, log = console.error) {
    this.process = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => { this.process.once('exit', resolve); });
    createInterface({ input: this.process.stderr }).on('line', log);
    this.process.on('exit', (code, signal) => this.#fail(`the server ended with ${code ?? signal}`));
    // One that is killed does not read what it is sent.
    this.process.stdin.on('error', () => {});
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

  /// The handshake; returns what the server says of itself.
  async initialize() {
    const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'interop', version: '1' } };
    const answer = await this.request('initialize', client);
    this.send({ method: 'notifications/initialized' });
    return answer;
  }

  call(name, args = {}) {
    return this.request('tools/call', { name, arguments: args });
  }

  /// Sends it a signal and waits for its end.
  async kill(signal = 'SIGTERM') {
    this.process.kill(signal);
    await this.ended;
  }

  /// Leaves it as clients do, and waits for its end.
  async close() {
    this.process.stdin.end();
    await this.ended;
  }

  #fail(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }
}
