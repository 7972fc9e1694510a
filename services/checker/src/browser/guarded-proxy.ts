import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, request as requestOf, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CheckFailure } from '../check-type.ts'
import type { AddressGuard } from '../net/address-guard.ts'

/** What one page of a browser may reach, and what it was kept from. */
export interface ProxySession {
  readonly username: string
  readonly password: string
  /** What the guard refused or could not reach, oldest first; at most 50. */
  readonly failures: readonly { readonly host: string; readonly failure: CheckFailure }[]
  /** Closes its connections; from then on it reaches nothing. */
  end(): void
}

/** A proxy on loopback that all traffic of the browser goes through, so that each connection passes the guard. */
export interface GuardedProxy {
  start(): Promise<void>
  stop(): Promise<void>
  /** `http://127.0.0.1:<port>`, after the start. */
  url(): string
  open(tenant: string, signal: AbortSignal): ProxySession
}

interface Session {
  readonly tenant: string
  readonly password: string
  readonly failures: { host: string; failure: CheckFailure }[]
  readonly sockets: Set<Duplex>
  readonly signal: AbortSignal
  bytes: number
}

const FAILURES_MAX = 50
const CONNECTIONS_MAX = 64
/** Of one page with all that belongs to it. */
const BYTES_MAX = 200_000_000
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export function createGuardedProxy(guard: AddressGuard): GuardedProxy {
  const sessions = new Map<string, Session>()
  const server = createServer({ maxHeaderSize: 65_536 })
  let port = 0

  /** Whoever has no session gets nothing: other programs of this machine must not go through here. */
  const sessionOf = (request: IncomingMessage): Session | null => {
    const [scheme, text = ''] = (request.headers['proxy-authorization'] ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'basic') return null
    const [username = '', password = ''] = Buffer.from(text, 'base64').toString().split(':')
    const session = sessions.get(username)
    return session?.password === password ? session : null
  }

  const connect = async (session: Session, host: string, toPort: number): Promise<Socket> => {
    if (session.sockets.size >= CONNECTIONS_MAX) {
      throw new CheckFailure('host_busy', `The page opened more than ${CONNECTIONS_MAX} connections`)
    }
    try {
      return await guard.connect(session.tenant, host, toPort, session.signal)
    } catch (error) {
      if (error instanceof CheckFailure && session.failures.length < FAILURES_MAX) {
        session.failures.push({ host, failure: error })
      }
      throw error
    }
  }

  const keep = (session: Session, ...sockets: Duplex[]): void => {
    for (const socket of sockets) {
      session.sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => session.sockets.delete(socket))
    }
  }

  const count = (session: Session, from: Duplex): void => {
    from.on('data', (chunk: Buffer) => {
      session.bytes += chunk.length
      if (session.bytes > BYTES_MAX) for (const socket of session.sockets) socket.destroy()
    })
  }

  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => client.destroy())
    const session = sessionOf(request)
    const target = targetOf(request.url ?? '')
    if (session === null) return void client.end(unauthorized)
    if (target === null) return void client.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    connect(session, target.host, target.port).then(
      (upstream) => {
        if (client.destroyed) return void upstream.destroy()
        keep(session, client, upstream)
        count(session, upstream)
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        if (head.length > 0) upstream.write(head)
        client.pipe(upstream).pipe(client)
        client.once('close', () => upstream.destroy())
        upstream.once('close', () => client.destroy())
      },
      () => client.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'),
    )
  })

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const session = sessionOf(request)
    if (session === null) return void response.writeHead(407, { 'proxy-authenticate': 'Basic realm="driftline"' }).end()
    const url = URL.canParse(request.url ?? '') ? new URL(request.url!) : null
    if (url?.protocol !== 'http:') return void response.writeHead(400).end()
    connect(session, url.hostname, Number(url.port || 80)).then(
      (upstream) => {
        keep(session, upstream)
        count(session, upstream)
        forward(request, response, url, upstream)
      },
      () => response.writeHead(403, { 'content-length': 0 }).end(),
    )
  })

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(0, '127.0.0.1', () => {
          port = (server.address() as AddressInfo).port
          resolve()
        })
      }),
    stop: () =>
      new Promise((resolve) => {
        for (const session of sessions.values()) for (const socket of session.sockets) socket.destroy()
        sessions.clear()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    url: () => `http://127.0.0.1:${port}`,
    open(tenant, signal) {
      const username = randomBytes(16).toString('hex')
      const password = randomBytes(16).toString('hex')
      const session: Session = { tenant, password, failures: [], sockets: new Set(), signal, bytes: 0 }
      sessions.set(username, session)
      return {
        username,
        password,
        failures: session.failures,
        end() {
          sessions.delete(username)
          for (const socket of session.sockets) socket.destroy()
        },
      }
    },
  }
}

const unauthorized =
  'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="driftline"\r\ncontent-length: 0\r\n\r\n'

/** `host:port` of CONNECT; IPv6 addresses stand in brackets. */
function targetOf(text: string): { readonly host: string; readonly port: number } | null {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:[\]/]+):(\d{1,5})$/i.exec(text) ?? []
  return host === undefined || Number(port) < 1 || Number(port) > 65_535 ? null : { host, port: Number(port) }
}

function forward(request: IncomingMessage, response: ServerResponse, url: URL, upstream: Socket): void {
  const outgoing = requestOf({
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: { ...endToEnd(request.headers), host: url.host, connection: 'close' },
    createConnection: () => upstream,
    setHost: false,
  })
  outgoing.on('error', () => response.destroy())
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
    answer.pipe(response)
    answer.once('error', () => response.destroy())
  })
  // WebSockets without TLS: the browser asks for a tunnel of its own kind.
  outgoing.on('upgrade', () => outgoing.destroy())
  response.once('close', () => upstream.destroy())
  request.pipe(outgoing)
}

function endToEnd(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] => entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]),
    ),
  )
}
