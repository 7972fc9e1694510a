import { format } from '../format.ts'
import { withLocalTimes } from './local-times.ts'

/** What the gateway sends: a whole picture first, then changes in order. */
export interface LiveFrame {
  readonly channel?: string
  readonly seq?: number
  readonly snapshot?: unknown
  readonly changes?: unknown
  readonly error?: { title?: string; detail?: string; status?: number }
}

export type LiveState = 'idle' | 'connecting' | 'open' | 'waiting'

export interface LiveListener {
  snapshot(value: unknown): void
  changes(value: unknown): void
  error?(message: string): void
}

interface Channel {
  listeners: Set<LiveListener>
  seq: number | null
}

export interface LiveSocketDeps {
  readonly open: () => WebSocket
  readonly onState: (state: LiveState, retryInMs: number) => void
  /** Every frame, with the time its content was read at the source where the frame says it. */
  readonly onFrame?: (frame: LiveFrame) => void
  /** The server closed before anything was said: perhaps the session is over. */
  readonly onRefused?: () => void
}

/** Frames of these carry lines and payloads as they came: no time in them is turned into local time. */
const verbatim = /^\{"channel":"(logs:|preview:|sources)/

const backoffMs = [500, 1000, 2000, 4000, 8000, 15_000]

/**
 * One WebSocket for the whole app. A gap in `seq` is healed by asking for a new snapshot; a lost connection is tried
 * again after 0.5 to 15 s, with up to 30 % of jitter so that many browsers do not come back in step.
 */
export function createLiveSocket(deps: LiveSocketDeps) {
  const channels = new Map<string, Channel>()
  let socket: WebSocket | null = null
  let retry: ReturnType<typeof setTimeout> | undefined
  let attempts = 0
  let paused = false

  const send = (message: Record<string, string[]>) => {
    if (socket?.readyState === 1) socket.send(JSON.stringify(message))
  }

  function connect(): void {
    clearTimeout(retry)
    if (socket || paused || channels.size === 0) return
    deps.onState('connecting', 0)
    const mine = deps.open()
    let heard = false
    socket = mine
    mine.onopen = () => {
      deps.onState('open', 0)
      send({ subscribe: [...channels.keys()] })
    }
    mine.onmessage = (event) => {
      heard = true
      attempts = 0
      receive(String(event.data))
    }
    mine.onclose = () => {
      if (socket !== mine) return
      socket = null
      for (const channel of channels.values()) channel.seq = null
      if (!heard) deps.onRefused?.()
      if (!paused && channels.size > 0) waitAndRetry()
      else deps.onState('idle', 0)
    }
  }

  function waitAndRetry(): void {
    const base = backoffMs[Math.min(attempts, backoffMs.length - 1)] ?? 15_000
    const delay = Math.round(base * (1 + Math.random() * 0.3))
    attempts++
    deps.onState('waiting', delay)
    retry = setTimeout(connect, delay)
  }

  function receive(text: string): void {
    const frame = JSON.parse(verbatim.test(text) ? text : withLocalTimes(text, format, Date.now())) as LiveFrame
    const channel = frame.channel === undefined ? undefined : channels.get(frame.channel)
    if (!channel || frame.channel === undefined) return
    deps.onFrame?.(frame)
    if (frame.error) {
      for (const listener of channel.listeners) listener.error?.(frame.error.detail ?? frame.error.title ?? 'refused')
      return
    }
    if (frame.snapshot !== undefined) {
      channel.seq = frame.seq ?? 0
      for (const listener of channel.listeners) listener.snapshot(frame.snapshot)
    } else if (channel.seq !== null && frame.seq !== channel.seq + 1) {
      resubscribe(frame.channel, channel)
    } else if (channel.seq !== null) {
      channel.seq += 1
      for (const listener of channel.listeners) listener.changes(frame.changes)
    }
  }

  /** Until the new snapshot is here, changes are of no use and are dropped. */
  function resubscribe(name: string, channel: Channel): void {
    channel.seq = null
    send({ unsubscribe: [name] })
    send({ subscribe: [name] })
  }

  function close(): void {
    clearTimeout(retry)
    const old = socket
    socket = null
    old?.close()
    deps.onState('idle', 0)
  }

  return {
    /** Starts listening; answers how to stop. A second listener of a channel makes a new snapshot come for both. */
    subscribe(name: string, listener: LiveListener): () => void {
      const known = channels.get(name)
      const channel = known ?? { listeners: new Set<LiveListener>(), seq: null }
      channel.listeners.add(listener)
      channels.set(name, channel)
      if (known) resubscribe(name, known)
      else if (socket) send({ subscribe: [name] })
      else connect()
      return () => {
        channel.listeners.delete(listener)
        if (channel.listeners.size > 0 || channels.get(name) !== channel) return
        channels.delete(name)
        send({ unsubscribe: [name] })
        if (channels.size === 0) close()
      }
    },
    pause(on: boolean): void {
      if (paused === on) return
      paused = on
      if (on) close()
      else connect()
    },
    /** Tries at once instead of waiting for the next attempt. */
    retryNow(): void {
      attempts = 0
      connect()
    },
  }
}
