import { WebSocket } from 'ws'

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every channel.
export type Message = any

/** A client of the live channel that keeps what it gets. */
export interface LiveClient {
  readonly ws: WebSocket
  readonly messages: Message[]
  send(message: unknown): void
  /** The next message that fits, out of those that came and come. */
  next(fits: (message: Message) => boolean): Promise<Message>
  closed: Promise<{ code: number; reason: string }>
  close(): void
}

export interface LiveClientOptions {
  readonly token?: string
  readonly cookie?: string
  readonly origin?: string
}

const PATIENCE_MS = 8000

export async function openLive(url: string, options: LiveClientOptions = {}): Promise<LiveClient> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/api/v1/live`, {
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.cookie === undefined ? {} : { cookie: `driftline_session=${options.cookie}` }),
    },
  })
  const messages: Message[] = []
  const waiting = new Set<() => void>()
  ws.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString('utf8')))
    for (const wake of waiting) wake()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') }))
  })
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve)
    ws.once('error', reject)
  })
  ws.on('error', () => {})
  return {
    ws,
    messages,
    closed,
    send: (message) => ws.send(typeof message === 'string' ? message : JSON.stringify(message)),
    close: () => ws.terminate(),
    next(fits) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const at = messages.findIndex(fits)
          if (at < 0) return
          done()
          resolve(messages.splice(0, at + 1).at(-1))
        }
        const timer = setTimeout(() => {
          done()
          reject(new Error(`no such message; there were ${JSON.stringify(messages).slice(0, 500)}`))
        }, PATIENCE_MS)
        const done = (): void => {
          clearTimeout(timer)
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      })
    },
  }
}
