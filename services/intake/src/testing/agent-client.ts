import { create } from '@bufbuild/protobuf'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import {
  type AgentBatch,
  AgentBatchSchema,
  type CollectRequest,
  CollectRequestSchema,
  type CollectResponse,
  encodeSamples,
  IntakeService,
  MetricKind,
} from '@driftline/proto'
import { type ClientDuplexStream, credentials, Metadata, makeClientConstructor, type ServiceError } from '@grpc/grpc-js'

type Message = CollectRequest['message']
type Replies = CollectResponse['message'][]

/** An agent's side of a stream, for tests: sends what it is told and keeps what it hears. */
export interface AgentClient {
  readonly replies: Replies
  /** Resolves with the status that ended the stream. */
  readonly ended: Promise<ServiceError | null>
  send(message: Message): void
  /** Sends bytes that need not be a message. */
  sendRaw(bytes: Uint8Array): void
  hello(host?: string, source?: string): void
  /** Defines `process.cpu.usage` of `os:<host>:nginx` under id 1 and `system.cpu.utilization` of the host under 2. */
  define(host?: string): void
  /** Resolves when so many replies are there; rejects when the stream ends first. */
  reply(count: number): Promise<Replies>
  finish(): void
  close(): void
}

export function connectAgent(port: number, token: string | null, tls = credentials.createInsecure()): AgentClient {
  const Client = makeClientConstructor(
    { collect: { ...grpcService(IntakeService)['collect']!, requestSerialize } },
    'x',
  )
  const client = new Client(`127.0.0.1:${port}`, tls)
  const metadata = new Metadata()
  if (token !== null) metadata.set('authorization', `Bearer ${token}`)
  const call: ClientDuplexStream<Uint8Array | Message, CollectResponse> = client['collect']!(metadata)
  const replies: Replies = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  let over: { error: ServiceError | null } | null = null
  const ended = new Promise<ServiceError | null>((resolve) => {
    const finish = (error: ServiceError | null): void => {
      over ??= { error }
      resolve(over.error)
      wake()
    }
    call.on('error', finish)
    call.on('end', () => setTimeout(() => finish(null), 50))
  })
  call.on('data', (response) => {
    replies.push(response.message)
    wake()
  })
  return {
    replies,
    ended,
    send: (message) => void call.write(message),
    sendRaw: (bytes) => void call.write(bytes),
    hello: (host = 'web-1', source = 'agent-1') => void call.write(helloMessage(host, source)),
    define: (host = 'web-1') => void call.write(definitionsMessage(host)),
    reply: (count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (replies.length < count && over === null) return
          waiting.delete(check)
          if (replies.length >= count) resolve(replies)
          else reject(over?.error ?? new Error(`ended after ${replies.length} replies`))
        }
        waiting.add(check)
        check()
      }),
    finish: () => call.end(),
    close: () => {
      call.cancel()
      client.close()
    },
  }
}

function requestSerialize(value: Uint8Array | Message): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value)
  const encode = grpcService(IntakeService)['collect']!.requestSerialize
  return encode(create(CollectRequestSchema, { message: value }))
}

export function helloMessage(host: string, source: string): Message {
  return { case: 'hello', value: { $typeName: 'driftline.v1.AgentHello', host, source, agentVersion: '0.1.0' } }
}

export function definitionsMessage(host: string): Message {
  const base = { $typeName: 'driftline.v1.SeriesDefinition' as const, kind: MetricKind.GAUGE, attributes: '{}' }
  const definitions = [
    { ...base, id: 1n, process: `os:${host}:nginx`, metric: 'process.cpu.usage', unit: '{cpu}' },
    { ...base, id: 2n, process: `host:${host}`, metric: 'system.cpu.utilization', unit: '1' },
  ]
  return { case: 'definitions', value: { $typeName: 'driftline.v1.SeriesDefinitions', definitions } }
}

/** A batch with one sample of each of the series `ids`. */
export function batchOf(
  timeMs: number,
  sequence: number,
  changes: Partial<AgentBatch> & { ids?: readonly bigint[]; values?: readonly number[] } = {},
): AgentBatch {
  const { ids = [1n, 2n], values = ids.map((_, index) => index + 0.5), ...rest } = changes
  const samples = encodeSamples({
    baseTimeMs: BigInt(timeMs),
    seriesPairs: BigUint64Array.from(ids),
    timeOffsetMs: new Int32Array(ids.length),
    value: Float64Array.from(values),
  })
  const message = { epoch: 1n, sequence: BigInt(sequence), timeMs: BigInt(timeMs), samples }
  return { ...create(AgentBatchSchema, message), ...rest }
}
