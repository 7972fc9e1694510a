import type { Duplex } from 'node:stream'
import type { Principal } from '@driftline/platform/access/permissions'
import type { WebSocket } from 'ws'
import { ProblemError, problemBody } from '../http/problems.ts'
import { type LiveRequest, liveRequest } from '../schemas/live.ts'
import { encodeTextFrame } from './frames.ts'
import type { Channel, LiveHub, Subscriber } from './hub.ts'

export interface ConnectionLimits {
  /** Bytes that may wait in a client's socket; past it the client is dropped, not waited for. */
  readonly bufferedBytesMax: number
  readonly subscriptionsMax: number
  /** Messages a client may send in a second. */
  readonly messagesPerSecondMax: number
}

/** Try again later (RFC 6455 registry): the client was too slow, and may come back. */
const CLOSE_TOO_SLOW = 1013
/** Policy violation. */
export const CLOSE_REFUSED = 1008
/** How long a dropped client may take over its closing frame before its socket is destroyed. */
const CLOSE_GRACE_MS = 1000

export interface Connection {
  /** Handles one message of the client; `token` was taken out before. */
  receive(text: string): void
  close(): void
}

/** One signed-in client of the live channel. `socket` is the raw one under `ws`, to which shared frames go directly. */
export function createConnection(
  ws: WebSocket,
  socket: Duplex,
  principal: Principal,
  deps: { hub: LiveHub; limits: ConnectionLimits; nowMs: () => number; onDropped: () => void },
): Connection {
  const { hub, limits } = deps
  let open = true
  let second = 0
  let messages = 0

  const leave = (): void => {
    open = false
    hub.leave(subscriber)
  }

  const drop = (): void => {
    leave()
    deps.onDropped()
    ws.close(CLOSE_TOO_SLOW, 'too slow')
    setTimeout(() => ws.terminate(), CLOSE_GRACE_MS).unref()
  }

  const subscriber: Subscriber = {
    tenant: principal.tenant,
    principal,
    channels: new Map<string, Channel>(),
    awaited: new Set<string>(),
    write(frame) {
      if (!open || socket.destroyed) return
      if (socket.writableLength + frame.length > limits.bufferedBytesMax && socket.writableLength > 0) drop()
      else socket.write(frame)
    },
  }

  const refuse = (reason: string): void => {
    leave()
    ws.close(CLOSE_REFUSED, reason)
  }

  const withinRate = (): boolean => {
    const now = Math.floor(deps.nowMs() / 1000)
    messages = now === second ? messages + 1 : 1
    second = now
    return messages <= limits.messagesPerSecondMax
  }

  const subscribe = (name: string): void => {
    const held = subscriber.channels.size + subscriber.awaited.size
    if (held < limits.subscriptionsMax || subscriber.channels.has(name)) {
      hub.subscribe(subscriber, name)
      return
    }
    const problem = new ProblemError(
      429,
      'too_many_subscriptions',
      `A connection may have ${limits.subscriptionsMax} channels; unsubscribe from some first`,
    )
    subscriber.write(encodeTextFrame(JSON.stringify({ channel: name, error: problemBody(problem) })))
  }

  return {
    receive(text) {
      if (!open) return
      if (!withinRate()) return refuse('too many messages')
      const request = parseRequest(text)
      if (request === null) return refuse('not a message of this channel')
      for (const name of request.unsubscribe ?? []) hub.unsubscribe(subscriber, name)
      for (const name of new Set(request.subscribe)) subscribe(name)
    },
    close: leave,
  }
}

/** Null for what is not `{subscribe, unsubscribe, token}`. */
export function parseRequest(text: string): LiveRequest | null {
  try {
    const parsed = liveRequest.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
