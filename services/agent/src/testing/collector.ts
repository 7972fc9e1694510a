import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type AgentBatch,
  type AgentHello,
  CollectRequestSchema,
  type CollectResponse,
  CollectResponseSchema,
  PackedSampleBatchSchema,
  type SeriesDefinition,
} from '@driftline/proto'
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js'

/** What the collector does with a batch. */
export type Reaction = 'acknowledge' | 'refuse' | 'ignore' | 'break'

export interface Received {
  readonly batch: AgentBatch
  /** The whole request as it came. */
  readonly bytes: Buffer
}

/** A real gRPC server that speaks the intake's protocol and does as the test says. */
export interface Collector {
  readonly address: string
  readonly hellos: AgentHello[]
  readonly batches: Received[]
  /** By id; batches whose series were not defined on their own connection before are in `undefinedSeries`. */
  readonly definitions: Map<bigint, SeriesDefinition>
  undefinedSeries: number
  readonly keys: string[]
  connections: number
  react: (batch: AgentBatch) => Reaction
  /** Resolves when the condition holds for what was received; rejects after the time, saying what. */
  until(what: string, condition: () => boolean, timeoutMs?: number): Promise<void>
  /** Cuts all connections; the port stays. */
  cut(): void
  stop(): Promise<void>
}

type Stream = ServerDuplexStream<Buffer, Buffer>

const PASS = (bytes: Buffer): Buffer => bytes
const METHOD = {
  path: '/driftline.v1.IntakeService/Collect',
  requestStream: true,
  responseStream: true,
  requestSerialize: PASS,
  requestDeserialize: PASS,
  responseSerialize: PASS,
  responseDeserialize: PASS,
} as const

export async function startCollector(
  options: { port?: number; window?: number; credentials?: ServerCredentials } = {},
): Promise<Collector> {
  const server = new Server({ 'grpc.max_receive_message_length': 64 * 1024 * 1024 })
  const streams = new Set<Stream>()
  const collector: Collector = {
    address: '',
    hellos: [],
    batches: [],
    definitions: new Map(),
    undefinedSeries: 0,
    keys: [],
    connections: 0,
    react: () => 'acknowledge',
    until: waitUntil,
    cut: () => {
      for (const stream of streams) breakOff(stream)
    },
    stop: async () => server.forceShutdown(),
  }
  server.addService(
    { collect: METHOD },
    { collect: (stream: Stream) => serve(collector, streams, stream, options.window ?? 64) },
  )
  const credentials = options.credentials ?? ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  return Object.assign(collector, { address: `http://127.0.0.1:${port}` })
}

function serve(collector: Collector, streams: Set<Stream>, stream: Stream, window: number): void {
  const known = new Set<bigint>()
  streams.add(stream)
  collector.connections++
  collector.keys.push(String(stream.metadata.get('authorization')[0] ?? ''))
  stream.on('error', () => streams.delete(stream))
  stream.on('end', () => {
    streams.delete(stream)
    stream.end()
  })
  stream.on('data', (bytes: Buffer) => {
    const { message } = fromBinary(CollectRequestSchema, bytes)
    if (message.case === 'hello') {
      collector.hellos.push(message.value)
      stream.write(answer({ case: 'welcome', value: { $typeName: 'driftline.v1.Welcome', window } }))
    } else if (message.case === 'definitions') {
      for (const definition of message.value.definitions) {
        known.add(definition.id)
        collector.definitions.set(definition.id, definition)
      }
    } else if (message.case === 'batch') receive(collector, stream, known, message.value, bytes)
  })
}

function receive(collector: Collector, stream: Stream, known: Set<bigint>, batch: AgentBatch, bytes: Buffer): void {
  collector.undefinedSeries += seriesOf(batch).filter((id) => !known.has(id)).length
  collector.batches.push({ batch, bytes })
  const { epoch, sequence } = batch
  const reaction = collector.react(batch)
  if (reaction === 'break') breakOff(stream)
  if (reaction === 'acknowledge') {
    stream.write(
      answer({ case: 'acknowledgement', value: { $typeName: 'driftline.v1.Acknowledgement', epoch, sequence } }),
    )
  }
  if (reaction === 'refuse') {
    const refusal = { $typeName: 'driftline.v1.Refusal', epoch, sequence, reason: 'test_says_so', detail: '' } as const
    stream.write(answer({ case: 'refusal', value: refusal }))
  }
}

function breakOff(stream: Stream): void {
  stream.emit('error', { code: status.UNAVAILABLE, details: 'broken off by the test' })
}

function answer(message: CollectResponse['message']): Buffer {
  return Buffer.from(toBinary(CollectResponseSchema, create(CollectResponseSchema, { message })))
}

/** Ids in the packed samples of a batch: field 2 of PackedSampleBatch. */
export function seriesOf(batch: AgentBatch): bigint[] {
  const bytes = fromBinary(PackedSampleBatchSchema, batch.samples).series
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / 8 }, (_, at) => view.getBigUint64(at * 8, true))
}

async function waitUntil(what: string, condition: () => boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still waiting for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
