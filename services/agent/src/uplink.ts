import type { Logger } from '@driftline/platform/logger'
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { createBackoff } from './backoff.ts'
import { type CollectAnswer, decodeCollectResponse, encodeHello, encodeRequest } from './collect-wire.ts'
import type { Spool } from './spool.ts'

export interface UplinkConfig {
  /** `http://host:port` or `https://host:port`. */
  readonly server: string
  readonly apiKey: string
  readonly host: string
  readonly source: string
  readonly agentVersion: string
  readonly tls: TlsFiles
  /** Without an answer for this long while batches wait for one, the connection counts as dead. */
  readonly silenceMs: number
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
}

/** PEM texts; null where none is set. */
export interface TlsFiles {
  readonly authority: string | null
  readonly certificate: string | null
  readonly key: string | null
}

export interface UplinkDeps {
  readonly spool: Spool
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  /** A refused batch may have held a key frame or ends: the next frame must be whole. */
  readonly onRefusal: () => void
}

/** Sends what the spool holds, in order, and tells the spool what the server answered. */
export interface Uplink {
  start(): void
  /** There may be something new to send. */
  notify(): void
  state(): 'connecting' | 'streaming' | 'waiting' | 'stopped'
  refused(): number
  stop(): Promise<void>
}

type Stream = ClientDuplexStream<Buffer, Buffer>

const PATH = '/driftline.v1.IntakeService/Collect'
/** A key frame of 30,000 processes is about 6 MB. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024
const PASS = (bytes: Buffer): Buffer => bytes

export function createUplink(config: UplinkConfig, deps: UplinkDeps): Uplink {
  const { spool, logger } = deps
  const backoff = createBackoff(config.backoffFirstMs, config.backoffMaxMs)
  let client: Client | null = null
  let stream: Stream | null = null
  let state: ReturnType<Uplink['state']> = 'stopped'
  let retry: NodeJS.Timeout | null = null
  let watch: NodeJS.Timeout | null = null
  /** Batches that may still be sent before an acknowledgement; 0 before the welcome. */
  let window = 0
  let inFlight: { epoch: number; sequence: number }[] = []
  let heardAtMs = 0
  let blocked = false
  let refused = 0
  let complained = ''

  const pump = (): void => {
    while (stream !== null && !blocked && inFlight.length < window) {
      const entry = spool.next()
      if (entry === null) return
      if (entry.kind === 'batch') {
        if (inFlight.length === 0) heardAtMs = performance.now()
        inFlight.push({ epoch: entry.epoch, sequence: entry.sequence })
      }
      blocked = !stream.write(encodeRequest(entry.kind, entry.bytes))
    }
  }

  const onAnswer = (answer: CollectAnswer): void => {
    heardAtMs = performance.now()
    if (answer.kind === 'welcome') {
      window = Math.max(1, answer.window)
      state = 'streaming'
      complained = ''
      logger.info({ server: config.server, backlog: spool.backlog() }, 'connected')
    } else if (answer.kind === 'acknowledgement') {
      backoff.reset()
      spool.acknowledge(answer.epoch, answer.sequence)
      inFlight = inFlight.filter((each) => each.epoch !== answer.epoch || each.sequence > answer.sequence)
    } else if (answer.kind === 'refusal') {
      backoff.reset()
      refused++
      const { epoch, sequence, reason, detail } = answer
      logger.warn({ epoch, sequence, reason, detail }, 'the server refused a batch')
      spool.refuse(epoch, sequence)
      inFlight = inFlight.filter((each) => each.epoch !== epoch || each.sequence !== sequence)
      deps.onRefusal()
    }
    pump()
  }

  const disconnect = (): void => {
    if (watch !== null) clearInterval(watch)
    watch = null
    stream?.removeAllListeners()
    // A cancelled call still reports its end as an error.
    stream?.on('error', () => {})
    stream?.cancel()
    stream = null
    client?.close()
    client = null
    window = 0
    inFlight = []
    blocked = false
  }

  const reconnect = (why: string, hint: string): void => {
    if (state === 'stopped') return
    disconnect()
    state = 'waiting'
    const waitMs = backoff.next()
    // Said once until something changes: an absent server must not fill the log.
    if (why !== complained) logger.warn({ server: config.server, why, backlog: spool.backlog() }, hint)
    complained = why
    retry = setTimeout(connect, waitMs)
  }

  const connect = (): void => {
    state = 'connecting'
    spool.rewind()
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${config.apiKey}`)
    try {
      client = createClient(config)
      stream = client.makeBidiStreamRequest(PATH, PASS, PASS, metadata)
    } catch (error) {
      reconnect((error as Error).message, 'cannot connect')
      return
    }
    heardAtMs = performance.now()
    stream.on('data', (bytes: Buffer) => onAnswerBytes(bytes))
    stream.on('drain', () => {
      blocked = false
      pump()
    })
    stream.on('error', (error: ServiceError) => reconnect(whyOf(error), hintOf(error)))
    stream.on('end', () => reconnect('the server ended the stream', 'connection lost'))
    stream.write(encodeHello(config))
    watch = setInterval(watchSilence, Math.min(1000, config.silenceMs / 4))
  }

  const onAnswerBytes = (bytes: Buffer): void => {
    try {
      onAnswer(decodeCollectResponse(bytes))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      reconnect('the server answered something that is not of this protocol', 'connection given up')
    }
  }

  const watchSilence = (): void => {
    const waiting = state === 'connecting' || inFlight.length > 0
    if (waiting && performance.now() - heardAtMs > config.silenceMs) {
      reconnect(`no answer for ${config.silenceMs} ms`, 'connection given up')
    }
  }

  return {
    start: connect,
    notify: pump,
    state: () => state,
    refused: () => refused,
    stop: async () => {
      state = 'stopped'
      if (retry !== null) clearTimeout(retry)
      disconnect()
    },
  }
}

function createClient(config: UplinkConfig): Client {
  const url = new URL(config.server)
  const secure = url.protocol === 'https:'
  const port = url.port || (secure ? '443' : '80')
  const { authority, certificate, key } = config.tls
  const pem = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))
  const channel = secure
    ? credentials.createSsl(pem(authority), pem(key), pem(certificate))
    : credentials.createInsecure()
  return new Client(`${url.hostname}:${port}`, channel, {
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2000,
    // Each attempt is a new client: sharing a pooled connection would bring a dead one back.
    'grpc.use_local_subchannel_pool': 1,
    // Proxies of the environment are for the outside.
    'grpc.enable_http_proxy': /^(localhost|127\.|\[::1\])/.test(url.hostname) ? 0 : 1,
  })
}

function whyOf(error: ServiceError): string {
  return error.details || error.message
}

function hintOf(error: ServiceError): string {
  if (error.code === status.UNAUTHENTICATED || error.code === status.PERMISSION_DENIED) {
    return 'the server does not accept the API key: check agent.api_key'
  }
  return 'no connection to the server: batches wait in the spool'
}
