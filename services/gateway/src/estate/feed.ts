import { fromBinary } from '@bufbuild/protobuf'
import type { Bus, BusRecord, Subscription } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { SelfMetrics } from '@driftline/platform/metrics'
import {
  AlertSchema,
  AnomalySchema,
  BaselineBatchSchema,
  KpiBatchSchema,
  PackedSampleBatchSchema,
  PackedSnapshotSchema,
  SeriesBatchSchema,
  topics,
} from '@driftline/proto'
import type { ActorNames } from '../access/actor-names.ts'
import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'
import { alertOfMessage } from './alert-item.ts'
import { findingOfMessage } from './anomaly-item.ts'
import type { Estate } from './estate.ts'
import { type Frame, readDescription } from './host-state.ts'
import type { TableChanges } from './process-table.ts'
import type { TenantEstate } from './tenant-estate.ts'

/** What the live channel wants to know, in the tick in which the bus said it. */
export interface FeedListener {
  onHostFrame(tenant: string, host: string, timeMs: number, changes: TableChanges): void
  onKpis(tenant: string, processes: readonly string[]): void
  /** A minute closed: what is normal, and points of drift lines. */
  onBaselines(tenant: string, processes: ReadonlySet<string>, minuteTimeMs: number): void
  onAnomaly(tenant: string, anomaly: AnomalyItem): void
  onAlert(tenant: string, alert: AlertItem): void
  /** Frames of a host are missing: its table should be rebuilt from the store. */
  onGap(tenant: string, host: string): void
}

export interface FeedDeps {
  readonly bus: Bus
  readonly estate: Estate
  readonly listener: FeedListener
  readonly names: ActorNames
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: SelfMetrics
}

/** Follows the tail of the bus into the estate. Records that cannot be read are counted and skipped. */
export function createFeed(deps: FeedDeps): Component {
  const unreadable = deps.metrics.counter(
    'driftline_gateway_unreadable_records_total',
    'Records of the bus that could not be read',
    ['topic'],
  )
  let subscription: Subscription | undefined

  const skip = ({ topic, partition, offset }: BusRecord, error: unknown): void => {
    unreadable.inc({ topic })
    deps.logger.warn({ error, topic, partition, offset }, 'skipped a record that could not be read')
  }

  const handle = (records: readonly BusRecord[]): void => {
    for (const record of records) {
      try {
        handlers[record.topic]?.(record, deps)?.catch((error: unknown) => skip(record, error))
      } catch (error) {
        skip(record, error)
      }
    }
  }

  return {
    name: 'gateway-feed',
    async start() {
      subscription = await deps.bus.tail({ topics: Object.keys(handlers), handle })
    },
    async stop() {
      await subscription?.stop()
      subscription = undefined
    },
  }
}

/** One that answers later fails as one that throws. */
const handlers: Readonly<Record<string, (record: BusRecord, deps: FeedDeps) => Promise<void> | void>> = {
  [topics.snapshots.name]: takeSnapshot,
  [topics.kpis.name]: takeKpiBatch,
  [topics.series.name]: (record, { estate }) => {
    tenantOf(record, estate).applySeries(fromBinary(SeriesBatchSchema, record.value))
  },
  [topics.samples.name]: takeSampleBatch,
  [topics.baselines.name]: takeBaselines,
  [topics.anomalies.name]: takeAnomaly,
  [topics.alerts.name]: takeAlert,
}

function tenantOf(record: BusRecord, estate: Estate): TenantEstate {
  return estate.tenant(record.headers.tenant)
}

function takeSnapshot(record: BusRecord, deps: FeedDeps): void {
  const message = fromBinary(PackedSnapshotSchema, record.value)
  const { tenant } = record.headers
  const nowMs = deps.clock.nowMs()
  const estate = deps.estate.tenant(tenant)
  const timeMs = Number(message.timeMs)
  const { source, epoch, sequence } = record.headers
  const gapBefore = estate.sources.frame({
    source,
    epoch,
    sequence,
    host: message.host,
    eventMs: timeMs,
    storedAtMs: record.storedAtMs,
    nowMs,
    description: message.description.length > 0 ? readDescription(message.description) : null,
  })
  // The record's bytes are only lent, and frames stay for a while: protobuf slices them, so they are copied.
  const frame: Frame = {
    timeMs,
    keyFrame: message.keyFrame,
    description: message.description.slice(),
    table: message.table.slice(),
    gapBefore,
  }
  const changes = estate.applyFrame(message.host, frame, nowMs)
  if (changes === null) return
  deps.listener.onHostFrame(tenant, message.host, timeMs, changes)
  if (!estate.hosts.get(message.host)?.complete) deps.listener.onGap(tenant, message.host)
}

function takeKpiBatch(record: BusRecord, deps: FeedDeps): void {
  const batch = fromBinary(KpiBatchSchema, record.value)
  const { tenant } = record.headers
  const processes = deps.estate.tenant(tenant).applyKpis(batch, deps.clock.nowMs())
  deps.listener.onKpis(tenant, processes)
}

function takeSampleBatch(record: BusRecord, deps: FeedDeps): void {
  const batch = fromBinary(PackedSampleBatchSchema, record.value)
  const nowMs = deps.clock.nowMs()
  const estate = tenantOf(record, deps.estate)
  const count = estate.applySamples(batch, nowMs)
  estate.sampleRate.add(count, nowMs)
  estate.sources.samples(record.headers.source, count, Number(batch.baseTimeMs), record.storedAtMs, nowMs)
}

function takeBaselines(record: BusRecord, deps: FeedDeps): void {
  const batch = fromBinary(BaselineBatchSchema, record.value)
  const processes = tenantOf(record, deps.estate).applyBaselines(batch)
  deps.listener.onBaselines(record.headers.tenant, processes, Number(batch.minuteTimeMs))
}

function takeAnomaly(record: BusRecord, deps: FeedDeps): void {
  const finding = findingOfMessage(fromBinary(AnomalySchema, record.value))
  const estate = tenantOf(record, deps.estate)
  estate.ensureProcess(finding.item.processId, finding.startMs)
  const taken = estate.findings.applyAnomaly(finding)
  if (taken) deps.listener.onAnomaly(record.headers.tenant, taken.item)
}

/** Names are read first where they are new; the version says which state is the newer, so order does not matter. */
async function takeAlert(record: BusRecord, deps: FeedDeps): Promise<void> {
  const message = fromBinary(AlertSchema, record.value)
  const { tenant } = record.headers
  try {
    await deps.names.learn(tenant, [message.acknowledgedBy, message.resolvedBy])
  } catch (error) {
    deps.logger.warn({ error }, 'could not read who changed an alert')
  }
  const alert = alertOfMessage(message, (actor) => deps.names.nameOf(tenant, actor))
  const taken = deps.estate.tenant(tenant).findings.applyAlert(alert)
  if (taken) deps.listener.onAlert(tenant, taken.item)
}
