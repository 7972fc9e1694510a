import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import type { SourceKind } from '@driftline/ingest/definitions/source'
import { createSourceStore } from '@driftline/ingest/source-store'
import type { SourceStatusDetail } from '@driftline/ingest/status-detail'
import { createSealer } from '@driftline/platform/access/sealing'
import type { Bus, BusRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { DeadLetterSchema, decodeLogBatch, decodeSamples, SeriesBatchSchema, topics } from '@driftline/proto'
import { readTailerConfig, type TailerConfig } from '../config.ts'
import { createTailer } from '../service.ts'

export const TENANT = 'default'

export interface RigArguments {
  /** With `bus`, `data` and the metadata in it. */
  readonly root: string
  readonly config?: Partial<TailerConfig>
}

const deps = () => ({ logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock })

export function tailerConfig(changes: Partial<TailerConfig> = {}): TailerConfig {
  return { ...readTailerConfig({ yaml: {}, env: {}, file: null }), instance: 'rig', ...changes }
}

/** The bus and the metadata of a rig, without a tailer. */
export function openPlaces({ root }: RigArguments) {
  return {
    bus: createEmbeddedBus({ dataDir: join(root, 'bus') }, deps()),
    metadata: createSqliteMetadata({ file: join(root, 'metadata.sqlite') }, deps()),
    sealer: createSealer({ key: Buffer.alloc(32, 7) }),
  }
}

/** Runs a tailer over the embedded engines. `publish` stands in for that of the bus, for faults. */
export async function startTailer(args: RigArguments, wrap: (bus: Bus) => Bus = (bus) => bus) {
  const places = openPlaces(args)
  const { bus, metadata, sealer } = places
  await metadata.start()
  await bus.start()
  const config = tailerConfig(args.config)
  const tailer = createTailer(config, { ...deps(), bus: wrap(bus), metadata, sealer, dataDir: join(args.root, 'data') })
  await tailer.start()
  const store = createSourceStore({ ...places, clock: systemClock })
  return {
    ...places,
    tailer,
    store,
    async add(kind: SourceKind, name: string, definition: object): Promise<string> {
      const made = await store.create(TENANT, { kind, name, definition, secrets: {}, active: true }, 'test')
      return made.id
    },
    async status(id: string): Promise<SourceStatusDetail | null> {
      const row = await metadata.db.selectFrom('source_status').selectAll().where('source', '=', id).executeTakeFirst()
      return row === undefined ? null : (row.detail as unknown as SourceStatusDetail)
    },
    async stop() {
      await tailer.stop()
      await bus.stop()
      await metadata.stop()
    },
  }
}

export type TailerRig = Awaited<ReturnType<typeof startTailer>>

/** A directory for one test, with one for logs. */
export function makeRoot() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'driftline-tailer-')))
  const logs = join(root, `logs-${randomBytes(3).toString('hex')}`)
  mkdirSync(logs)
  return { root, logs, remove: () => rmSync(root, { recursive: true, force: true }) }
}

/** Every record of a topic, as a consumer with a repeat filter sees them. */
export async function recordsOf(bus: Bus, topic: { readonly name: string }): Promise<BusRecord[]> {
  const filter = createRepeatFilter({ maxSources: 1000 })
  const records: BusRecord[] = []
  for (let partition = 0; partition < bus.partitionsOf(topic.name); partition++) {
    const end = await bus.lagOf('nobody', topic.name, partition)
    for (const record of await bus.read(topic.name, partition, 0, end)) {
      if (!filter.isRepeat(record)) records.push({ ...record, value: Uint8Array.from(record.value) })
    }
  }
  return records
}

export interface Row {
  readonly process: string
  readonly source: string
  readonly body: string
  readonly attributes: string
  readonly severity: number
  readonly timeMs: number
  readonly origin: string
}

/** Lines as they stand on the bus. */
export async function rowsOf(bus: Bus): Promise<Row[]> {
  const records = await recordsOf(bus, topics.logs)
  return records.flatMap(({ value }) => {
    const batch = decodeLogBatch(value)!
    return batch.body.map((body, i) => ({
      process: batch.process,
      source: batch.source,
      body,
      attributes: batch.attributes[i]!,
      severity: batch.severity[i]!,
      timeMs: Number(batch.baseTimeMs) + batch.timeOffsetMs[i]!,
      origin: batch.origins[batch.origin[i]!]!,
    }))
  })
}

/** The sum of all values of a metric, over all its series with these attributes. */
export async function sumOf(bus: Bus, metric: string, attributes = ''): Promise<number> {
  const wanted = new Set<bigint>()
  for (const { value } of await recordsOf(bus, topics.series)) {
    for (const series of fromBinary(SeriesBatchSchema, value).series) {
      if (series.metric === metric && series.attributes.includes(attributes)) wanted.add(series.id)
    }
  }
  let sum = 0
  for (const { value } of await recordsOf(bus, topics.samples)) {
    const columns = decodeSamples(value)!
    columns.value.forEach((each, i) => {
      const [low, high] = [columns.seriesPairs[i * 2]!, columns.seriesPairs[i * 2 + 1]!]
      if (wanted.has((BigInt(high) << 32n) | BigInt(low))) sum += each
    })
  }
  return sum
}

export async function lettersOf(bus: Bus) {
  return (await recordsOf(bus, topics.deadLetters)).map(({ value }) => fromBinary(DeadLetterSchema, value))
}

/** The process that crash tests kill. Says when it runs; `killAfter` batches it kills itself, published or not. */
async function run(args: RigArguments & { readonly killAfter: number; readonly published: boolean }): Promise<void> {
  let batches = 0
  await startTailer(args, (bus) => ({
    ...bus,
    async publish(records) {
      const isBatch = records.some(({ topic }) => topic === topics.logs.name)
      if (isBatch) batches += 1
      const dies = args.killAfter > 0 && batches >= args.killAfter
      if (dies && !args.published) process.kill(process.pid, 'SIGKILL')
      await bus.publish(records)
      if (dies) process.kill(process.pid, 'SIGKILL')
    },
  }))
  process.send?.({ started: true })
}

const args = process.argv[2]
if (args?.startsWith('{') && process.send !== undefined) await run(JSON.parse(args) as Parameters<typeof run>[0])
