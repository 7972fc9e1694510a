import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { alertEvents, type Channel, type Message, type SendContext, type SendResult } from '../channel.ts'
import { retryAfterMs } from '../retry-after.ts'
import { signatureHeaders } from './signature.ts'

export interface WebhookConfig {
  readonly name: string
  /** http or https; may hold a user and password, and a path that is a secret. */
  readonly url: string
}

export interface WebhookDeps {
  /** The key that this channel signs with. */
  key(): Promise<Buffer>
}

/** What is read of an answer before the connection is closed; nothing of it is kept. */
const ANSWER_BYTES_MAX = 64 * 1024

/**
 * Posts JSON signed as Standard Webhooks ask for. Each attempt has a connection of its own: one that was kept could be
 * closed by the receiver just as the message leaves. Redirects are not followed.
 */
export function createWebhookChannel(config: WebhookConfig, deps: WebhookDeps): Channel {
  const url = new URL(config.url)
  return {
    name: config.name,
    kind: 'webhook',
    events: alertEvents,
    targets: [''],
    recipient: () => `webhook:${url.origin}`,
    async send(message, context) {
      const body = JSON.stringify(message.payload)
      const key = await deps.key()
      try {
        return await post(url, message, { body, key }, context)
      } catch (error) {
        return { kind: 'unavailable', reason: reasonOf(error, context.signal), retryAfterMs: null }
      }
    },
  }
}

function post(
  url: URL,
  { id }: Message,
  { body, key }: { readonly body: string; readonly key: Buffer },
  { nowMs, signal, onFirstByte }: SendContext,
): Promise<SendResult> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'Driftline',
    ...signatureHeaders(key, { id, timestampSeconds: Math.floor(nowMs / 1000), body }),
  }
  return new Promise((resolve, reject) => {
    const request = send(url, { method: 'POST', headers, agent: false, signal, maxHeaderSize: 16 * 1024 })
    onceConnected(request, onFirstByte)
    request.on('error', reject)
    request.on('response', (response) => {
      drain(response, request)
      resolve(judge(response, nowMs))
    })
    request.end(body)
  })
}

function onceConnected(request: ClientRequest, act: () => void): void {
  request.once('socket', (socket) => socket.once('encrypted' in socket ? 'secureConnect' : 'connect', act))
}

/** Lets the receiver finish its answer, within bounds; the verdict stands already. */
function drain(response: IncomingMessage, request: ClientRequest): void {
  let bytes = 0
  response.on('error', () => {})
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) request.destroy()
  })
}

function judge({ statusCode = 0, headers }: IncomingMessage, nowMs: number): SendResult {
  const reason = `the receiver answered ${statusCode}`
  const pause = retryAfterMs(headers['retry-after'], nowMs)
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' }
  if (statusCode === 429) return { kind: 'busy', reason, retryAfterMs: pause }
  if (statusCode >= 300 && statusCode < 400) return { kind: 'refused', reason: `${reason}: redirects are not followed` }
  if (statusCode >= 400 && statusCode < 500 && statusCode !== 408) return { kind: 'refused', reason }
  return { kind: 'unavailable', reason, retryAfterMs: pause }
}

/** Messages of Node.js may quote the address; its codes do not. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'the receiver did not answer in time'
  const code = (error as NodeJS.ErrnoException).code
  return `the receiver could not be reached${code === undefined ? '' : `: ${code}`}`
}
