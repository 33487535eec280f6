// What becomes of refresh tokens at the issuer, and answers that come late on demand.
//
//   GET  /ledger?client=ID             { rotated, reused, newest }: `newest` is the SHA-256 of the last refresh token
//   POST /ledger?client=ID&late=MS     holds the next answer to a refresh back, after the old token was spent
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export class Ledger {
  #clients = new Map();

  /// `tells(clientId, seconds)` is what a client is told of the lifetime of its access tokens.
  constructor(provider, tells) {
    provider.use(async (context, next) => {
      await next();
      if (context.oidc?.route !== 'token' || !context.body?.access_token) return;
      const { client, params } = context.oidc;
      const entry = this.#entry(client.clientId);
      context.body.expires_in = tells(client.clientId, context.body.expires_in);
      if (context.body.refresh_token) entry.newest = digest(context.body.refresh_token);
      if (params.grant_type !== 'refresh_token') return;
      entry.rotated += 1;
      const { late } = entry;
      entry.late = 0;
      if (late) await sleep(late);
    });
    provider.on('grant.error', (context, error) => {
      if (error.error_detail === 'refresh token already used') {
        this.#entry(context.oidc.client.clientId).reused += 1;
      }
    });
  }

  /// Whether the request was for the ledger, and has been answered.
  answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://ledger');
    if (pathname !== '/ledger') return false;
    const entry = this.#entry(searchParams.get('client'));
    if (request.method === 'POST') entry.late = Number(searchParams.get('late'));
    const { rotated, reused, newest } = entry;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ rotated, reused, newest }));
    return true;
  }

  #entry(client) {
    if (!this.#clients.has(client)) this.#clients.set(client, { rotated: 0, reused: 0, newest: '', late: 0 });
    return this.#clients.get(client);
  }
}

export function digest(token) {
  return createHash('sha256').update(token).digest('hex');
}
