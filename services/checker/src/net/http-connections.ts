import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { Client } from 'undici'
import type { ClientIdentity } from '../vault/credentials.ts'
import type { AddressGuard } from './address-guard.ts'
import { hostAndPort } from './host-spelling.ts'
import type { ConnectTls } from './tls-connect.ts'

export interface ConnectionUse {
  readonly tenant: string
  readonly url: URL
  readonly identity?: ClientIdentity | undefined
  /** A connection that idled longer than this is not used again, because the server may be closing it. */
  readonly idleMsMax: number
  readonly signal: AbortSignal
}

export interface HttpConnection {
  readonly client: Client
  /** Whether it carried a request before: then the server may have closed it meanwhile. */
  readonly reused: boolean
  /** `host:port`, for messages. */
  readonly where: string
  /** Keeps it for the next request. */
  release(): void
  /** Closes it at once. */
  destroy(): void
}

/**
 * Connections, each made through the guard to the address that was checked and used for one request at a time. Kept
 * ones belong to one tenant, origin and client certificate.
 */
export interface HttpConnections {
  /** Errors: those of `AddressGuard.connect` and `ConnectTls`. */
  take(use: ConnectionUse): Promise<HttpConnection>
  /** Closes what idles. */
  stop(): Promise<void>
}

interface Kept {
  readonly client: Client
  readonly socket: Socket
  readonly key: string
  readonly bornMs: number
  idleSinceMs: number
  /** The other side closed it; a request that was not sent yet learns of it by ConnectionGone. */
  isGone: boolean
}

const IDLE_MAX = 256
const IDLE_MS_MAX = 5000
/** Names move to other addresses and networks are withdrawn: a connection is made anew, and checked, after this. */
const AGE_MS_MAX = 30_000
const HEADER_BYTES_MAX = 65_536

export function createHttpConnections(deps: {
  readonly guard: AddressGuard
  readonly connectTls: ConnectTls
}): HttpConnections {
  /** In the order in which they began to idle, over all keys. */
  const idle = new Set<Kept>()
  const byKey = new Map<string, Kept[]>()

  const forget = (kept: Kept): void => {
    idle.delete(kept)
    const same = byKey.get(kept.key)?.filter((each) => each !== kept) ?? []
    if (same.length === 0) byKey.delete(kept.key)
    else byKey.set(kept.key, same)
  }
  const close = (kept: Kept): void => {
    forget(kept)
    kept.client.destroy().catch(() => {})
    // The client does not know of it before its first request.
    kept.socket.destroy()
  }
  const keep = (kept: Kept): void => {
    kept.idleSinceMs = performance.now()
    if (kept.isGone || kept.idleSinceMs - kept.bornMs > AGE_MS_MAX) {
      close(kept)
      return
    }
    idle.add(kept)
    byKey.set(kept.key, [...(byKey.get(kept.key) ?? []), kept])
    if (idle.size > IDLE_MAX) close(idle.values().next().value!)
  }
  const takeIdle = (key: string, idleMsMax: number): Kept | undefined => {
    const nowMs = performance.now()
    for (;;) {
      const kept = byKey.get(key)?.at(-1)
      if (kept === undefined) return undefined
      forget(kept)
      const fresh = nowMs - kept.idleSinceMs <= idleMsMax && nowMs - kept.bornMs <= AGE_MS_MAX
      if (fresh) return kept
      close(kept)
    }
  }
  const connectionOf = (kept: Kept, reused: boolean, where: string): HttpConnection => ({
    client: kept.client,
    reused,
    where,
    release: () => keep(kept),
    destroy: () => close(kept),
  })

  return {
    async take({ tenant, url, identity, idleMsMax, signal }) {
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
      const isTls = url.protocol === 'https:'
      const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
      const where = hostAndPort(host, port)
      const key = JSON.stringify([tenant, url.origin, isTls && identity ? fingerprint(identity) : ''])
      const known = takeIdle(key, idleMsMax)
      if (known !== undefined) return connectionOf(known, true, where)
      const socket = await deps.guard.connect(tenant, host, port, signal)
      const ready = isTls
        ? await deps.connectTls({ socket, host, where, identity, protocols: ['http/1.1'], signal })
        : socket
      const client = clientOver(url.origin, ready)
      const kept: Kept = { client, socket: ready, key, bornMs: performance.now(), idleSinceMs: 0, isGone: false }
      kept.client.once('disconnect', () => {
        kept.isGone = true
        if (idle.has(kept)) close(kept)
      })
      return connectionOf(kept, false, where)
    },
    async stop() {
      for (const kept of [...idle]) close(kept)
    },
  }
}

/** Said by a connection that was closed before a request was sent on it. */
export class ConnectionGone extends Error {}

/** A client that speaks over this socket and never opens another: that one would not have been checked. */
function clientOver(origin: string, socket: Socket): Client {
  let given = false
  return new Client(origin, {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_MS_MAX,
    keepAliveMaxTimeout: IDLE_MS_MAX,
    maxHeaderSize: HEADER_BYTES_MAX,
    connect: (_options, callback) => {
      const isGone = given || socket.destroyed
      given = true
      // Not at once: the client does not expect to be connected before it has asked to.
      queueMicrotask(() => {
        if (isGone) callback(new ConnectionGone('The connection was closed'), null)
        else callback(null, socket)
      })
    },
  })
}

function fingerprint(identity: ClientIdentity): string {
  return createHash('sha256').update(JSON.stringify(identity)).digest('base64')
}
