import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A target that gives away whatever it is told: in bodies, headers, status lines, redirects and cookies. */
export interface EchoTarget {
  readonly url: string
  /** All that it was ever sent, to see that secrets did travel. */
  received(): string
  stop(): Promise<void>
}

export interface EchoSecrets {
  /** Given out by `/hand-out`, for a step to extract. */
  readonly extracted: string
  /** The access token of `/token`. */
  readonly token: string
  /** The session that `/login` sets as a cookie. */
  readonly session: string
}

export async function startEchoTarget(secrets: EchoSecrets): Promise<EchoTarget> {
  let received = ''
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const told = `${request.method} ${request.url}\n${JSON.stringify(request.headers)}\n${Buffer.concat(parts)}\n`
      received += told
      answer(secrets, request, response, told)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    async stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer(secrets: EchoSecrets, request: IncomingMessage, response: ServerResponse, told: string): void {
  const path = (request.url ?? '').split('?')[0]
  const { authorization = '', cookie = '' } = request.headers
  const key = String(request.headers['x-api-key'] ?? '')
  const worn = [authorization, cookie, key].filter(Boolean).join(' ')
  const json = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  switch (path) {
    case '/ok':
      json(200, { worn })
      return
    case '/hand-out':
      json(200, { token: secrets.extracted })
      return
    case '/token':
      json(200, { access_token: secrets.token, token_type: 'Bearer', expires_in: 600 })
      return
    case '/token-refuses':
      json(401, { error: 'invalid_client', error_description: `unknown client, told ${told}` })
      return
    case '/login':
      signIn(secrets, request, response)
      return
    case '/echo-header':
      response.setHeader('x-told', encodeURIComponent(worn)).setHeader('www-authenticate', `Basic realm="${key}"`)
      json(503, { worn })
      return
    case '/echo-status':
      response.writeHead(500, worn.replaceAll(/[^\x20-\x7e]/g, '?')).end(told)
      return
    case '/redirect':
      response.writeHead(302, {
        location: `/gone?worn=${encodeURIComponent(worn)}&${request.url?.split('?')[1] ?? ''}`,
      })
      response.end()
      return
    case '/loop':
      response.writeHead(302, { location: `/loop?worn=${encodeURIComponent(worn)}` }).end()
      return
    case '/cut':
      // So long that what is kept of it ends somewhere in a secret.
      response.writeHead(500, { 'content-type': 'text/plain' }).end(told.repeat(40))
      return
    case '/broken':
      response.writeHead(200, { 'content-length': '1000000' }).write(told)
      setTimeout(() => response.destroy(), 50)
      return
    case '/slow':
      response.writeHead(200).write(told)
      return
    case '/xml':
      response.writeHead(403, { 'content-type': 'application/xml' })
      response.end(`<Error><Code>SignatureDoesNotMatch</Code><Message>${told}</Message></Error>`)
      return
    default:
      response.writeHead(404, { 'content-type': 'text/html' })
      response.end(`<title>${told}</title><p>no ${told}</p>`)
  }
}

function signIn({ session }: EchoSecrets, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') {
    response.writeHead(302, { location: '/ok', 'set-cookie': `session=${session}; Path=/; HttpOnly` }).end()
    return
  }
  const inputs = '<input name="username"><input type="password" name="password">'
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end(`<form method="post" action="/login">${inputs}<input type="hidden" name="csrf" value="c1"></form>`)
}
