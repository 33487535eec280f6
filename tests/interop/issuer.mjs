// A certified OpenID provider (npm oidc-provider) on loopback: the issuer that real clients meet.
//
//   node issuer.mjs serve     one JSON line on stdout when it accepts connections; ends with its stdin
//   node issuer.mjs rotate    new signing keys in front of those it has, for the next start
//
// Environment: PORT, KEYS (a file), PROVIDER (the package's folder), RESOURCES (a JSON object: resource URL to the
// algorithm that signs its tokens), TOKEN_SECONDS.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Ledger } from './ledger.mjs';

const { PORT, KEYS, PROVIDER, RESOURCES, TOKEN_SECONDS } = process.env;
const ALGORITHMS = ['RS256', 'ES256'];
const SCOPE = 'read:mimic-data';

/// Clients of refresh.mjs, and what their access tokens live for: what it says, and what they are told where it differs.
const LOGINS = {
  // Renews at every call, because what it gets is said to be over.
  hasty: { lifetime: 300, told: 0 },
  brief: { lifetime: 3 },
};

// Newest first: the provider signs with the first key that fits.
function rotate(kept) {
  const fresh = ALGORITHMS.map((alg) => {
    const { privateKey } = alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() };
  });
  // Renamed into place, so that a start never meets half a file.
  writeFileSync(`${KEYS}.new`, JSON.stringify({ keys: [...fresh, ...kept] }), { mode: 0o600 });
  renameSync(`${KEYS}.new`, KEYS);
}

function keys() {
  return JSON.parse(readFileSync(KEYS, 'utf8')).keys;
}

async function serve() {
  if (!existsSync(KEYS)) rotate([]);
  const resources = JSON.parse(RESOURCES);
  const lifetime = Number(TOKEN_SECONDS);
  const issuer = `http://127.0.0.1:${PORT}`;
  const entry = createRequire(join(PROVIDER, 'package.json')).resolve('oidc-provider');
  const { Provider, errors } = await import(pathToFileURL(entry));

  const provider = new Provider(issuer, {
    jwks: { keys: keys() },
    // For scripts that need a token and not a person; everyone else registers.
    clients: [{
      client_id: 'worker', client_secret: 'worker-secret', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [],
    }, ...Object.keys(LOGINS).map((id) => ({
      client_id: id, token_endpoint_auth_method: 'none', application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'], redirect_uris: ['http://127.0.0.1/callback'],
    }))],
    scopes: ['openid', 'offline_access', SCOPE],
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // MCP clients ask for the resource's scopes; many never ask for offline_access.
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: (_context, _token, client) => LOGINS[client.clientId]?.lifetime ?? lifetime,
      ClientCredentials: lifetime, AuthorizationCode: 60, IdToken: 300, Interaction: 600, Session: 3600, Grant: 3600,
      RefreshToken: 3600, DeviceCode: 600,
    },
    features: {
      // Its login page takes any name and password, so that a script can sign in.
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // No default resource: a client that leaves `resource` out gets a token that no server of ours takes.
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => {
          const alg = resources[resource];
          if (!alg) throw new errors.InvalidTarget();
          return {
            scope: SCOPE, audience: resource, accessTokenTTL: lifetime, accessTokenFormat: 'jwt',
            jwt: { sign: { alg } },
          };
        },
      },
    },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    cookies: { keys: [randomUUID()] },
  });
  const ledger = new Ledger(provider, (client, seconds) => LOGINS[client]?.told ?? seconds);
  provider.on('server_error', (_context, error) => console.error(error));
  // Which requests a client made, and how each ended, is what one looks for when it fails.
  const handle = provider.callback();
  const server = createServer((request, response) => {
    if (ledger.answer(request, response)) return;
    response.on('finish', () => console.error(request.method, request.url, response.statusCode));
    handle(request, response);
  });
  server.listen(Number(PORT), '127.0.0.1', () => console.log(JSON.stringify({ issuer })));
  process.stdin.resume().on('end', () => process.exit(0));
}

switch (process.argv[2]) {
  case 'serve': await serve(); break;
  case 'rotate': rotate(keys()); break;
  default: console.error('usage: node issuer.mjs serve|rotate'); process.exit(2);
}
