import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Access } from '@driftline/platform/access/access'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { type WebSocket, WebSocketServer } from 'ws'
import { tokenOf } from '../http/credentials.ts'
import { isOwnOrigin } from '../http/origin.ts'
import { CLOSE_REFUSED, type Connection, type ConnectionLimits, createConnection, parseRequest } from './connection.ts'
import type { LiveHub } from './hub.ts'

export interface LiveLimits extends ConnectionLimits {
  readonly clientsMax: number
  readonly messageBytesMax: number
  /** How long a client without cookie or header may take to send its token. */
  readonly authenticationMs: number
  /** Between two pings; a client that has not answered one when the next is due is gone. */
  readonly pingMs: number
}

export interface LiveServer {
  /** Takes over upgrade requests for `/api/v1/live`. */
  attach(server: Server): void
  stop(): void
  clients(): number
  dropped(): number
}

export interface LiveServerDeps {
  readonly hub: LiveHub
  readonly access: Pick<Access, 'authenticate'>
  readonly allowedOrigins: readonly string[]
  readonly limits: LiveLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SelfMetrics
}

export const LIVE_PATH = '/api/v1/live'

interface Client {
  readonly ws: WebSocket
  token: string | null
  connection: Connection | null
  answered: boolean
}

export function createLiveServer(deps: LiveServerDeps): LiveServer {
  const { limits, metrics, access } = deps
  const clients = new Set<Client>()
  const open = metrics.gauge('driftline_live_clients', 'WebSocket clients')
  const droppedTotal = metrics.counter('driftline_live_clients_dropped_total', 'WebSocket clients dropped as too slow')
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.messageBytesMax,
    // Frames are encoded once for all clients, which leaves nothing to compress per client.
    perMessageDeflate: false,
  })
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  const admit = (client: Client, socket: Duplex, principal: Principal, token: string): void => {
    client.token = token
    client.connection = createConnection(client.ws, socket, principal, {
      hub: deps.hub,
      limits,
      nowMs: deps.clock.nowMs,
      onDropped: () => {
        dropped++
        droppedTotal.inc()
      },
    })
  }

  /** A message before the connection is signed in can only be the one that brings the token. */
  const signIn = async (client: Client, socket: Duplex, text: string): Promise<void> => {
    const token = parseRequest(text)?.token
    const principal = token === undefined ? null : await access.authenticate(token)
    if (token === undefined || principal === null || !principal.permissions.has('estate:read')) {
      client.ws.close(CLOSE_REFUSED, 'not signed in')
      return
    }
    admit(client, socket, principal, token)
    client.connection?.receive(text)
  }

  const accept = (ws: WebSocket, socket: Duplex, signedIn: { principal: Principal; token: string } | null): void => {
    const client: Client = { ws, token: null, connection: null, answered: true }
    clients.add(client)
    open.set(clients.size)
    let signingIn = false
    const deadline = setTimeout(() => {
      if (client.connection === null) ws.close(CLOSE_REFUSED, 'not signed in')
    }, limits.authenticationMs)
    if (signedIn) admit(client, socket, signedIn.principal, signedIn.token)
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) ws.close(CLOSE_REFUSED, 'text only')
      else if (client.connection) client.connection.receive(data.toString('utf8'))
      else if (signingIn) ws.close(CLOSE_REFUSED, 'not signed in yet')
      else {
        signingIn = true
        signIn(client, socket, data.toString('utf8')).catch((error: unknown) => {
          deps.logger.warn({ error }, 'could not check a token of the live channel')
          ws.close(1011, 'try again')
        })
      }
    })
    ws.on('pong', () => {
      client.answered = true
    })
    ws.on('error', () => ws.terminate())
    ws.on('close', () => {
      clearTimeout(deadline)
      client.connection?.close()
      clients.delete(client)
      open.set(clients.size)
    })
  }

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    if (request.url?.split('?', 1)[0] !== LIVE_PATH) return refuseUpgrade(socket, 404)
    if (!isOwnOrigin(request, deps.allowedOrigins)) return refuseUpgrade(socket, 403)
    if (clients.size >= limits.clientsMax) return refuseUpgrade(socket, 503)
    const token = tokenOf(request)?.token
    const principal = token === undefined ? null : await access.authenticate(token)
    if (token !== undefined && principal === null) return refuseUpgrade(socket, 401)
    if (principal && !principal.permissions.has('estate:read')) return refuseUpgrade(socket, 403)
    wss.handleUpgrade(request, socket, head, (ws) => {
      accept(ws, socket, principal && token !== undefined ? { principal, token } : null)
    })
  }

  /** Sessions end and keys are revoked while connections last: each is asked about again. */
  const checkAgain = async (client: Client): Promise<void> => {
    if (client.token === null || (await access.authenticate(client.token))) return
    client.connection?.close()
    client.ws.close(CLOSE_REFUSED, 'the session has ended')
  }

  const ping = (): void => {
    for (const client of clients) {
      if (!client.answered) {
        client.ws.terminate()
        continue
      }
      client.answered = false
      client.ws.ping()
      checkAgain(client).catch((error: unknown) => deps.logger.warn({ error }, 'could not check a live session'))
    }
  }

  return {
    attach(server) {
      server.on('upgrade', (request, socket, head) => {
        socket.on('error', () => socket.destroy())
        upgrade(request, socket, head).catch((error: unknown) => {
          deps.logger.warn({ error }, 'could not open a live connection')
          refuseUpgrade(socket, 503)
        })
      })
      timer = setInterval(ping, limits.pingMs)
      timer.unref()
    },
    stop() {
      clearInterval(timer)
      for (const client of clients) {
        client.ws.close(1001, 'the server stops')
        setTimeout(() => client.ws.terminate(), 200).unref()
      }
    },
    clients: () => clients.size,
    dropped: () => dropped,
  }
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
