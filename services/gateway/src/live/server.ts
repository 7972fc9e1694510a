import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Access } from '@driftline/platform/access/access'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Authenticator } from '../http/authenticator.ts'
import { tokenOf } from '../http/credentials.ts'
import { isOwnOrigin } from '../http/origin.ts'
import { ProblemError } from '../http/problems.ts'
import { CLOSE_REFUSED, type Connection, type ConnectionLimits, createConnection, parseRequest } from './connection.ts'
import type { LiveHub } from './hub.ts'
import { createStrangers } from './strangers.ts'

export interface LiveLimits extends ConnectionLimits {
  /** Of those who are signed in. */
  readonly clientsMax: number
  /** Sockets whose token is still awaited, of one address and in all; they take no place of a client. */
  readonly strangersPerAddressMax: number
  readonly strangersMax: number
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
  /** Those who are signed in. */
  clients(): number
  dropped(): number
}

export interface LiveServerDeps {
  readonly hub: LiveHub
  readonly access: Pick<Access, 'authenticate'>
  readonly authenticator: Authenticator
  addressOf(request: IncomingMessage): string
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
  const { limits, metrics, access, authenticator } = deps
  const clients = new Set<Client>()
  /** Of strangers, to end them when the server stops. */
  const waiting = new Set<WebSocket>()
  const strangers = createStrangers({ perAddress: limits.strangersPerAddressMax, total: limits.strangersMax })
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
    clients.add(client)
    open.set(clients.size)
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
  const signIn = async (client: Client, socket: Duplex, text: string, address: string): Promise<void> => {
    const token = parseRequest(text)?.token
    const principal = await authenticator.identify(token ?? null, address)
    if (token === undefined || principal === null || !principal.permissions.has('estate:read')) {
      turnAway(client.ws, CLOSE_REFUSED, 'not signed in')
    } else if (clients.size >= limits.clientsMax) {
      turnAway(client.ws, CLOSE_TRY_LATER, 'no place for another client')
    } else if (client.ws.readyState === client.ws.OPEN) {
      admit(client, socket, principal, token)
      client.connection?.receive(text)
    }
  }

  /** Answers what a socket says from its opening on: the client is one, or becomes one by its first message. */
  const listenTo = (client: Client, socket: Duplex, address: string, onSignedIn: () => void): void => {
    const { ws } = client
    let signingIn = false
    ws.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) turnAway(ws, CLOSE_REFUSED, 'text only')
      else if (client.connection) client.connection.receive(data.toString('utf8'))
      else if (signingIn) turnAway(ws, CLOSE_REFUSED, 'not signed in yet')
      else {
        signingIn = true
        signIn(client, socket, data.toString('utf8'), address)
          .then(() => {
            if (client.connection) onSignedIn()
          })
          .catch((error: unknown) => {
            if (error instanceof ProblemError) return turnAway(ws, CLOSE_REFUSED, 'too many attempts')
            deps.logger.warn({ error }, 'could not check a token of the live channel')
            turnAway(ws, 1011, 'try again')
          })
      }
    })
    ws.on('pong', () => {
      client.answered = true
    })
    ws.on('error', () => ws.terminate())
    ws.on('close', () => {
      client.connection?.close()
      clients.delete(client)
      open.set(clients.size)
    })
  }

  const newClient = (ws: WebSocket): Client => ({ ws, token: null, connection: null, answered: true })

  /** A socket that came without a token: it holds a place of a stranger until it signs in or is gone. */
  const acceptStranger = (ws: WebSocket, socket: Duplex, address: string, leave: () => void): void => {
    // Not closed but ended: who does not sign in need not answer a closing frame either.
    const deadline = setTimeout(() => ws.terminate(), limits.authenticationMs)
    waiting.add(ws)
    const settled = (): void => {
      clearTimeout(deadline)
      waiting.delete(ws)
      leave()
    }
    ws.once('close', settled)
    listenTo(newClient(ws), socket, address, settled)
  }

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    if (request.url?.split('?', 1)[0] !== LIVE_PATH) return refuseUpgrade(socket, 404)
    if (!isOwnOrigin(request, deps.allowedOrigins)) return refuseUpgrade(socket, 403)
    const address = deps.addressOf(request)
    const token = tokenOf(request)?.token
    // Every upgrade is paid for: by its token where that is known to be valid, else by the address.
    const principal = await authenticator.identify(token ?? null, address)
    if (token === undefined) return upgradeStranger(request, socket, head, address)
    if (principal === null) return refuseUpgrade(socket, 401)
    if (!principal.permissions.has('estate:read')) return refuseUpgrade(socket, 403)
    if (clients.size >= limits.clientsMax) return refuseUpgrade(socket, 503)
    wss.handleUpgrade(request, socket, head, (ws) => {
      const client = newClient(ws)
      admit(client, socket, principal, token)
      listenTo(client, socket, address, () => {})
    })
  }

  const upgradeStranger = (request: IncomingMessage, socket: Duplex, head: Buffer, address: string): void => {
    const leave = strangers.enter(address)
    if (leave === null) {
      refuseUpgrade(socket, 429)
      return
    }
    socket.once('close', leave)
    wss.handleUpgrade(request, socket, head, (ws) => acceptStranger(ws, socket, address, leave))
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
          if (error instanceof ProblemError) return refuseUpgrade(socket, error.status)
          deps.logger.warn({ error }, 'could not open a live connection')
          refuseUpgrade(socket, 503)
        })
      })
      timer = setInterval(ping, limits.pingMs)
      timer.unref()
    },
    stop() {
      clearInterval(timer)
      for (const ws of waiting) ws.terminate()
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
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/** Try again later. */
const CLOSE_TRY_LATER = 1013
/** How long who is turned away may take over its closing frame. */
const CLOSE_GRACE_MS = 1000

function turnAway(ws: WebSocket, code: number, reason: string): void {
  ws.close(code, reason)
  const end = setTimeout(() => ws.terminate(), CLOSE_GRACE_MS)
  ws.once('close', () => clearTimeout(end))
}

function refuseUpgrade(socket: Duplex, status: number): void {
  // The peer need not close its half: an answer that is out ends the socket.
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
