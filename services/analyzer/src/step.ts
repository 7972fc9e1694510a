import type { SampleColumns, Series } from '@driftline/proto'
import type { StepConfig } from './config.ts'
import { closeBucket, type KpiRows } from './model/close.ts'
import { applyFrame, type Frame } from './model/process-table.ts'
import {
  belongsTo,
  createSeriesIndex,
  defineSeries,
  detachSeries,
  type SeriesIndex,
  slotOfSeries,
  takeSlot,
} from './model/series-index.ts'
import {
  addToBucket,
  type Bucket,
  createBucket,
  createHostState,
  type Feed,
  type HostFacts,
  type HostState,
  type PartitionState,
} from './model/state.ts'

/** Something that happened, decoded. `hostKey` is the routing key of a host; `storedAtMs` when the bus stored it. */
export type AnalyzerEvent =
  | { readonly kind: 'series'; readonly hostKey: string; readonly series: readonly Series[] }
  | { readonly kind: 'samples'; readonly origin: Origin; readonly columns: SampleColumns }
  | { readonly kind: 'snapshot'; readonly origin: Origin; readonly frame: Frame; readonly facts: HostFacts | null }
  | { readonly kind: 'tick'; readonly storedAtMs: number }

export interface Origin {
  readonly hostKey: string
  readonly tenant: string
  /** Process id of the host. */
  readonly process: string
  readonly storedAtMs: number
}

/** What an event comes to. */
export interface Outcome {
  /** In the order of their buckets. */
  readonly closed: KpiRows[]
  /** Samples, and frames, whose bucket had closed. */
  lateSamples: number
  lateFrames: number
  /** Series that had no sample for long, forgotten to make room for others. */
  forgottenSeries: number
  /** What found no room, by the bound that it met. */
  readonly dropped: { hosts: number; groups: number; series: number; waiting: number; buckets: number }
}

/** The state of a partition with the look-up over it. */
export interface Partition {
  readonly state: PartitionState
  readonly index: SeriesIndex
}

const HOST_SILENT_MS = 3_600_000

export function openPartition(config: StepConfig, state: PartitionState): Partition {
  return { state, index: createSeriesIndex(state.series, config.seriesMax) }
}

/**
 * Applies one event to a partition: synchronous, without a clock, an error or any effect but on `partition`, whose
 * typed arrays are changed in place. The same events give the same rows.
 */
export function step(config: StepConfig, partition: Partition, event: AnalyzerEvent): Outcome {
  const outcome: Outcome = {
    closed: [],
    lateSamples: 0,
    lateFrames: 0,
    forgottenSeries: 0,
    dropped: { hosts: 0, groups: 0, series: 0, waiting: 0, buckets: 0 },
  }
  if (event.kind !== 'series') tellTime(partition, event.kind === 'tick' ? event.storedAtMs : event.origin.storedAtMs)
  if (event.kind === 'series') applySeries(config, partition, event.series, event.hostKey, outcome)
  else if (event.kind === 'tick') {
    for (const host of partition.state.hosts.values()) advance(config, host, event.storedAtMs, outcome)
  } else {
    const host = hostOf(config, partition, event.origin)
    if (host === null) outcome.dropped.hosts += 1
    else {
      // What has become due by silence closes first, as a tick in between would have had it.
      advance(config, host, event.origin.storedAtMs, outcome)
      if (event.kind === 'samples')
        applySamples(config, partition, host, event.columns, event.origin.storedAtMs, outcome)
      else applySnapshot(config, partition, host, event, outcome)
      advance(config, host, event.origin.storedAtMs, outcome)
    }
  }
  return outcome
}

function tellTime({ state }: Partition, storedAtMs: number): void {
  state.series.nowS = Math.max(state.series.nowS, Math.floor(storedAtMs / 1000))
}

function hostOf(config: StepConfig, { state, index }: Partition, origin: Origin): HostState | null {
  const known = state.hosts.get(origin.hostKey)
  if (known !== undefined) return known
  if (state.hosts.size >= config.hostsMax && !forgetSilentHost(state, index, origin.storedAtMs)) return null
  const host = createHostState(origin.hostKey, origin.tenant, origin.process)
  state.hosts.set(origin.hostKey, host)
  return host
}

/** Makes room by the host that has been silent for longest, if that is long enough. */
function forgetSilentHost(state: PartitionState, index: SeriesIndex, nowMs: number): boolean {
  let silent: HostState | null = null
  const lastMs = (host: HostState): number => Math.max(host.samples.storedAtMs, host.snapshots.storedAtMs)
  for (const host of state.hosts.values()) if (silent === null || lastMs(host) < lastMs(silent)) silent = host
  if (silent === null || nowMs - lastMs(silent) < HOST_SILENT_MS) return false
  state.hosts.delete(silent.key)
  detachSeries(index, silent.key, null)
  return true
}

function applySeries(
  config: StepConfig,
  partition: Partition,
  series: readonly Series[],
  hostKey: string,
  outcome: Outcome,
): void {
  const { waiting } = partition.state
  for (const each of series) {
    const { isKnown, forgotten } = defineSeries(partition.index, each, hostKey)
    outcome.forgottenSeries += forgotten
    if (!isKnown) outcome.dropped.series += 1
  }
  if (waiting.samples.length === 0) return
  const still = waiting.samples.splice(0).filter((sample) => {
    const at = partition.index.table.get(sample.low, sample.high)
    if (at === -1) return true
    const host = hostOfSeries(partition, at)
    if (host !== undefined) applySample(config, partition, host, at, sample.timeMs, sample.value, outcome)
    return false
  })
  waiting.samples.push(...still)
}

function hostOfSeries({ state, index }: Partition, at: number): HostState | undefined {
  return state.hosts.get(index.state.names[index.state.host[at]!] ?? '')
}

function applySamples(
  config: StepConfig,
  partition: Partition,
  host: HostState,
  columns: SampleColumns,
  storedAtMs: number,
  outcome: Outcome,
): void {
  const { count, seriesPairs, timeOffsetMs, value } = columns
  const baseTimeMs = Number(columns.baseTimeMs)
  const { table } = partition.index
  let latestMs = count === 0 ? baseTimeMs : Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) {
    const timeMs = baseTimeMs + timeOffsetMs[i]!
    if (timeMs > latestMs) latestMs = timeMs
    const at = table.get(seriesPairs[2 * i]!, seriesPairs[2 * i + 1]!)
    if (at !== -1) applySample(config, partition, host, at, timeMs, value[i]!, outcome)
    else wait(config, partition, seriesPairs[2 * i]!, seriesPairs[2 * i + 1]!, timeMs, value[i]!, outcome)
  }
  moveFeed(host.samples, latestMs, storedAtMs)
}

function applySample(
  config: StepConfig,
  partition: Partition,
  host: HostState,
  at: number,
  timeMs: number,
  value: number,
  outcome: Outcome,
): void {
  const { state } = partition.index
  state.usedAtS[at] = state.nowS
  const columnIndex = state.column[at]!
  // A series feeds its own host only, whoever sends it.
  if (columnIndex === -1 || !belongsTo(partition.index, at, host.key) || !Number.isFinite(value)) return
  const bucket = bucketAt(config, host, timeMs, outcome)
  if (bucket === null) outcome.lateSamples += 1
  else {
    const slot = slotOfSeries(partition.index, at, host, config.groupsMax)
    if (slot === -1) outcome.dropped.groups += 1
    else addToBucket(bucket, slot, columnIndex, value, host.processes.length)
  }
}

function wait(
  config: StepConfig,
  { state }: Partition,
  low: number,
  high: number,
  timeMs: number,
  value: number,
  outcome: Outcome,
): void {
  const { samples } = state.waiting
  samples.push({ low, high, timeMs, value })
  // Room is made in larger pieces, so that a flood of unknown ids does not move the array for each.
  if (samples.length > config.waitingMax) outcome.dropped.waiting += samples.splice(0, samples.length >> 1).length
}

function applySnapshot(
  config: StepConfig,
  partition: Partition,
  host: HostState,
  event: Extract<AnalyzerEvent, { kind: 'snapshot' }>,
  outcome: Outcome,
): void {
  const { frame, facts, origin } = event
  if (facts !== null) host.facts = facts
  const bucket = bucketAt(config, host, frame.timeMs, outcome)
  if (bucket === null) outcome.lateFrames += 1
  applyFrame(host, frame, bucket, (group) => {
    const slot = takeSlot(host, group, config.groupsMax, partition.index)
    if (slot === -1) outcome.dropped.groups += 1
    return slot
  })
  moveFeed(host.snapshots, frame.timeMs, origin.storedAtMs)
}

function moveFeed(feed: Feed, timeMs: number, storedAtMs: number): void {
  feed.timeMs = Math.max(feed.timeMs, timeMs)
  feed.storedAtMs = Math.max(feed.storedAtMs, storedAtMs)
}

/** The open bucket of a time; null when it has closed. */
function bucketAt(config: StepConfig, host: HostState, timeMs: number, outcome: Outcome): Bucket | null {
  const { buckets } = host
  const startMs = Math.floor(timeMs / config.bucketMs) * config.bucketMs
  let at = buckets.length - 1
  while (at >= 0 && buckets[at]!.startMs > startMs) at -= 1
  if (at >= 0 && buckets[at]!.startMs === startMs) return buckets[at]!
  if (startMs < host.closedThroughMs) return null
  const bucket = createBucket(startMs, host.processes.length)
  buckets.splice(at + 1, 0, bucket)
  if (buckets.length > config.bucketsMax) {
    outcome.dropped.buckets += 1
    closeFirst(config, host, outcome)
  }
  return startMs < host.closedThroughMs ? null : bucket
}

/**
 * Closes what is due for a host. Each of its feeds has come as far as its highest event time, or, when it has been
 * quiet for longer than `silenceMs`, as far as time has passed on the bus since; the slower feed decides.
 */
function advance(config: StepConfig, host: HostState, nowMs: number, outcome: Outcome): void {
  const feeds = [host.samples, host.snapshots].filter((feed) => feed.timeMs > Number.NEGATIVE_INFINITY)
  if (feeds.length === 0) return
  const passedMs = (feed: Feed): number => feed.timeMs + Math.max(0, nowMs - feed.storedAtMs - config.silenceMs)
  const effectiveMs = Math.min(...feeds.map(passedMs))
  while (host.buckets.length > 0) {
    const endMs = host.buckets[0]!.startMs + config.bucketMs
    if (endMs + config.closeAfterMs > effectiveMs) break
    closeFirst(config, host, outcome)
  }
  // Seconds that the data itself has left behind are closed even if they were empty; silence alone closes none ahead,
  // so that what an agent kept while it was cut off still counts when it comes.
  const dataMs = Math.min(...feeds.map((feed) => feed.timeMs)) - config.closeAfterMs
  host.closedThroughMs = Math.max(host.closedThroughMs, Math.floor(dataMs / config.bucketMs) * config.bucketMs)
}

function closeFirst(config: StepConfig, host: HostState, outcome: Outcome): void {
  const bucket = host.buckets.shift()!
  const rows = closeBucket(host, bucket, config.bucketMs)
  if (rows !== null) outcome.closed.push(rows)
  host.closedThroughMs = Math.max(host.closedThroughMs, bucket.startMs + config.bucketMs)
}
