import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { createSourceMeter } from '@driftline/ingest/source-meter'
import type { SourceStatusDetail } from '@driftline/ingest/status-detail'
import type { Bus, BusRecord } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { systemClock } from '@driftline/platform/clock'
import type { AppError } from '@driftline/platform/errors'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import {
  type DeadLetter,
  DeadLetterSchema,
  decodeSamples,
  type FlaggedRecord,
  FlaggedRecordSchema,
  LogBatchSchema,
  SeriesBatchSchema,
  topics,
} from '@driftline/proto'
import { defaultLimits } from '../../limits.ts'
import { createIntake } from '../../service.ts'
import type { PushPrincipal } from '../doorkeeper.ts'
import { createPushServer } from '../http/push-server.ts'
import { createPush, type Push } from '../push.ts'
import { type PushConfig, pushDefaults } from '../push-config.ts'

/** A sample as it lies on the bus. */
export interface StoredSample {
  readonly tenant: string
  readonly process: string
  readonly metric: string
  readonly attributes: Record<string, string>
  readonly unit: string
  readonly timeMs: number
  readonly value: number
}

/** The push doors over a real embedded bus, with their server and the gRPC port, and what they published. */
export interface PushRig {
  readonly push: Push
  readonly bus: Bus
  readonly url: string
  readonly grpcPort: number
  readonly metrics: ReturnType<typeof createSelfMetrics>
  /** While set, the bus confirms nothing. */
  failure: AppError | null
  /** Whether its sources are switched on, once they are asked for. */
  active: boolean
  post(path: string, body: string | Uint8Array, headers?: Record<string, string>): Promise<Response>
  samples(): StoredSample[]
  letters(): DeadLetter[]
  rows(): { process: string; timeMs: number; severity: number; body: string; attributes: string }[]
  flagged(): FlaggedRecord[]
  status(source: string): SourceStatusDetail | undefined
  forget(): void
  stop(): Promise<void>
}

const principals: Record<string, PushPrincipal> = {
  good: { tenant: 'default', kind: 'api-key', id: 'key-1', name: 'plant', permissions: new Set(['ingest']) },
  other: { tenant: 'default', kind: 'api-key', id: 'key-2', name: 'other', permissions: new Set(['ingest']) },
  foreign: { tenant: 'foreign', kind: 'api-key', id: 'key-3', name: 'foreign', permissions: new Set(['ingest']) },
  reader: { tenant: 'default', kind: 'user', id: 'user-1', name: 'reader', permissions: new Set() },
}

export async function startPushRig(changes: Partial<PushConfig> = {}): Promise<PushRig> {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-push-'))
  const logger = createLogger('fatal')
  const metrics = createSelfMetrics()
  const clock = systemClock
  const bus = createEmbeddedBus({ dataDir: directory, topics }, { logger, metrics, clock })
  await bus.start()
  const records: BusRecord[] = []
  await bus.tail({
    topics: Object.values(topics).map(({ name }) => name),
    handle: (each) => void records.push(...each.map((record) => ({ ...record, value: record.value.slice() }))),
  })
  const meters = new Map<string, ReturnType<typeof createSourceMeter>>()
  const board = {
    of({ tenant, id }: { tenant: string; id: string }) {
      const meter = meters.get(`${tenant} ${id}`) ?? createSourceMeter(clock)
      meters.set(`${tenant} ${id}`, meter)
      return meter
    },
    drop: () => {},
  }
  const publish: Bus['publish'] = (each) => (rig.failure === null ? bus.publish(each) : Promise.reject(rig.failure))
  const failing: Bus = Object.assign(Object.create(bus) as Bus, { publish })
  const access = { authenticate: async (token: string) => principals[token] ?? null }
  const rows = { ensure: async () => ({ active: rig.active }) }
  const deps = { bus: failing, access, board, rows, logger, metrics, clock }
  const push = createPush({ ...pushDefaults, instance: 'test', statusInstance: 'test', ...changes }, deps)
  const intake = createIntake(
    { bind: '127.0.0.1', grpcPort: 0, tls: null, instance: 'test', limits: defaultLimits, streamsMax: 10, window: 4 },
    { ...deps, services: push.services },
  )
  const server = createPushServer({ bind: '127.0.0.1', port: 0, tls: null }, { http: push.http, logger })
  for (const each of [push, intake, server]) await each.start()

  const on = (topic: { name: string }): BusRecord[] => records.filter((record) => record.topic === topic.name)
  const rig: PushRig = {
    push,
    bus,
    url: `http://127.0.0.1:${server.port()}`,
    grpcPort: intake.port(),
    metrics,
    failure: null,
    active: true,
    post: (path, body, headers = {}) =>
      fetch(`${rig.url}${path}`, {
        method: 'POST',
        body,
        headers: { authorization: 'Bearer good', 'content-type': 'application/json', ...headers },
      }),
    samples: () => storedSamples(on(topics.series), on(topics.samples)),
    letters: () => on(topics.deadLetters).map(({ value }) => fromBinary(DeadLetterSchema, value)),
    rows: () => on(topics.logs).flatMap(rowsOf),
    flagged: () => on(topics.flaggedRecords).map(({ value }) => fromBinary(FlaggedRecordSchema, value)),
    status: (source) => meters.get(source)?.read(clock.nowMs()),
    forget: () => void records.splice(0, records.length, ...on(topics.series)),
    async stop() {
      for (const each of [server, intake, push, bus]) await each.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return rig
}

function storedSamples(definitions: readonly BusRecord[], batches: readonly BusRecord[]): StoredSample[] {
  const series = new Map(
    definitions.flatMap(({ value }) => fromBinary(SeriesBatchSchema, value).series).map((each) => [each.id, each]),
  )
  return batches.flatMap(({ value: bytes }) => {
    const { baseTimeMs, count, seriesPairs, timeOffsetMs, value } = decodeSamples(bytes)!
    return Array.from({ length: count }, (_, i) => {
      const id = (BigInt(seriesPairs[2 * i + 1]!) << 32n) | BigInt(seriesPairs[2 * i]!)
      const { tenant, process, metric, unit, attributes } = series.get(id)!
      const timeMs = Number(baseTimeMs) + timeOffsetMs[i]!
      return { tenant, process, metric, unit, attributes: JSON.parse(attributes), timeMs, value: value[i]! }
    })
  })
}

function rowsOf({ value }: BusRecord) {
  const { process, baseTimeMs, timeOffsetMs, severity, body, attributes } = fromBinary(LogBatchSchema, value)
  return body.map((text, i) => ({
    process,
    timeMs: Number(baseTimeMs) + timeOffsetMs[i]!,
    severity: severity[i]!,
    body: text,
    attributes: attributes[i]!,
  }))
}
