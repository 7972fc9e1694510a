import Provider from 'oidc-provider'

/**
 * A real OAuth2 server on loopback for tests: `node oauth2-server.mjs <port> <client secret>`. Beside the token endpoint `/token` it has
 * `/resource`, which answers only to a token of its own, and `/stats` with how often a token was asked for.
 */
const [port, secret] = [Number(process.argv[2]), process.argv[3] ?? '']
const issuer = `http://127.0.0.1:${port}`
const client = (client_id, token_endpoint_auth_method) => ({
  client_id,
  client_secret: secret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method,
})
const provider = new Provider(issuer, {
  clients: [
    client('driftline', 'client_secret_basic'),
    client('driftline-body', 'client_secret_post'),
    client('driftline-short', 'client_secret_basic'),
  ],
  scopes: ['read', 'write'],
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  // The short one is stale at once for a client that does not use tokens in their last half minute.
  ttl: { ClientCredentials: (_context, _token, { clientId }) => (clientId === 'driftline-short' ? 20 : 600) },
})
let asked = 0
provider.use(async (context, next) => {
  if (context.path === '/stats') {
    context.body = { asked }
    return
  }
  if (context.path === '/resource') {
    const token = /^Bearer (.+)$/.exec(context.get('authorization'))?.[1] ?? ''
    const found = await provider.ClientCredentials.find(token)
    context.status = found === undefined ? 401 : 200
    context.body =
      found === undefined ? { error: 'invalid_token' } : { client: found.clientId, scope: found.scope ?? '' }
    return
  }
  if (context.path === '/token') asked++
  await next()
})
provider.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'))
