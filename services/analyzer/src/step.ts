import type { SampleColumns, Series, SettingsChange } from '@driftline/proto'
import type { StepConfig } from './config.ts'
import { createDetectionEngine, type DetectionEngine } from './detection/engine.ts'
import type { DetectionOutput, EngineDeps } from './detection/engine-core.ts'
import { engineParts } from './detection/registry.ts'
import { closeBucket, type KpiRows } from './model/close.ts'
import { ownTrack, passedOver } from './model/columns.ts'
import { feedDetection } from './model/feed-detection.ts'
import { addToLane, freeLane } from './model/lanes.ts'
import { applyFrame, type Frame } from './model/process-table.ts'
import {
  belongsTo,
  createSeriesIndex,
  defineSeries,
  detachSeries,
  laneOfSeries,
  type Rooms,
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

/**
 * Something that happened, decoded. `hostKey` is the routing key of a host, or of a device, a service, whatever stands
 * for itself; `storedAtMs` when the bus stored it.
 */
export type AnalyzerEvent =
  | { readonly kind: 'series'; readonly hostKey: string; readonly series: readonly Series[] }
  | { readonly kind: 'samples'; readonly origin: Origin; readonly columns: SampleColumns }
  | { readonly kind: 'snapshot'; readonly origin: Origin; readonly frame: Frame; readonly facts: HostFacts | null }
  | { readonly kind: 'settings'; readonly change: SettingsChange }
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
  /** What detectors found. */
  readonly detection: DetectionOutput
}

/** The state of a partition with what works on it. */
export interface Partition {
  readonly state: PartitionState
  readonly index: SeriesIndex
  readonly engine: DetectionEngine
  readonly rooms: Rooms
}

const HOST_SILENT_MS = 3_600_000

/** Goes on from `state`, which is then its own. */
export function openPartition(config: StepConfig, state: PartitionState, parts: EngineDeps = engineParts): Partition {
  const { bucketMs, detection, groupsMax } = config
  const engine = createDetectionEngine({ ...detection, bucketMs }, parts, state.detection)
  return { state, index: createSeriesIndex(state.series, config.seriesMax), engine, rooms: { groupsMax, engine } }
}

/** Everything that a partition knows, for a checkpoint. It shares its arrays with the partition. */
export function stateOf({ state, engine }: Partition): PartitionState {
  return { ...state, detection: engine.state() }
}

/**
 * Applies one event to a partition: synchronous, without a clock, an error or any effect but on `partition`, whose
 * typed arrays are changed in place. The same events give the same rows and anomalies.
 */
export function step(config: StepConfig, partition: Partition, event: AnalyzerEvent): Outcome {
  const result = {
    closed: [],
    lateSamples: 0,
    lateFrames: 0,
    forgottenSeries: 0,
    dropped: { hosts: 0, groups: 0, series: 0, waiting: 0, buckets: 0 },
  }
  apply(config, partition, event, result)
  return { ...result, detection: partition.engine.takeOutput() }
}

/** What the parts of a step add to. */
type Result = Omit<Outcome, 'detection'>

function apply(config: StepConfig, partition: Partition, event: AnalyzerEvent, outcome: Result): void {
  if (event.kind === 'settings') {
    partition.engine.applySettings(event.change)
    return
  }
  if (event.kind !== 'series') tellTime(partition, event.kind === 'tick' ? event.storedAtMs : event.origin.storedAtMs)
  if (event.kind === 'series') applySeries(config, partition, event.series, event.hostKey, outcome)
  else if (event.kind === 'tick') {
    for (const host of partition.state.hosts.values()) advance(config, partition, host, event.storedAtMs, outcome)
  } else {
    const host = hostOf(config, partition, event.origin)
    if (host === null) {
      outcome.dropped.hosts += 1
      return
    }
    // What has become due by silence closes first, as a tick in between would have had it.
    advance(config, partition, host, event.origin.storedAtMs, outcome)
    if (event.kind === 'samples') applySamples(config, partition, host, event.columns, event.origin.storedAtMs, outcome)
    else applySnapshot(config, partition, host, event, outcome)
    advance(config, partition, host, event.origin.storedAtMs, outcome)
  }
}

function tellTime({ state }: Partition, storedAtMs: number): void {
  state.series.nowS = Math.max(state.series.nowS, Math.floor(storedAtMs / 1000))
}

function hostOf(config: StepConfig, partition: Partition, origin: Origin): HostState | null {
  const { state, engine } = partition
  const known = state.hosts.get(origin.hostKey)
  if (known !== undefined) return known
  if (state.hosts.size >= config.hostsMax && !forgetSilentHost(partition, origin.storedAtMs)) return null
  const unit = engine.addUnit(origin.hostKey, origin.tenant)
  const host = createHostState(origin.hostKey, origin.tenant, origin.process, unit)
  state.hosts.set(origin.hostKey, host)
  return host
}

/** Makes room by the host that has been silent for longest, if that is long enough. */
function forgetSilentHost({ state, index, engine }: Partition, nowMs: number): boolean {
  let silent: HostState | null = null
  const lastMs = (host: HostState): number => Math.max(host.samples.storedAtMs, host.snapshots.storedAtMs)
  for (const host of state.hosts.values()) if (silent === null || lastMs(host) < lastMs(silent)) silent = host
  if (silent === null || nowMs - lastMs(silent) < HOST_SILENT_MS) return false
  state.hosts.delete(silent.key)
  detachSeries(index, silent, null)
  engine.forgetUnit(silent.unit)
  return true
}

function applySeries(
  config: StepConfig,
  partition: Partition,
  series: readonly Series[],
  hostKey: string,
  outcome: Result,
): void {
  const { waiting } = partition.state
  const forget = (key: string, lane: number): void => {
    const host = partition.state.hosts.get(key)
    if (host === undefined) return
    const track = host.lanes.track[lane]!
    freeLane(host.lanes, host.buckets, lane)
    partition.engine.forgetTrack(track)
  }
  for (const each of series) {
    const { isKnown, forgotten } = defineSeries(partition.index, each, hostKey, forget)
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
  outcome: Result,
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
  outcome: Result,
): void {
  const { index, rooms } = partition
  const { state } = index
  state.usedAtS[at] = state.nowS
  const columnIndex = state.column[at]!
  // A series feeds its own host only, whoever sends it.
  if (columnIndex === passedOver || !belongsTo(index, at, host.key) || !Number.isFinite(value)) return
  const bucket = bucketAt(config, partition, host, timeMs, outcome)
  if (bucket === null) outcome.lateSamples += 1
  else if (columnIndex === ownTrack) {
    const lane = laneOfSeries(index, at, host, rooms)
    // Without room for it, the engine has counted it.
    if (lane !== -1) addToLane(host.lanes, bucket, lane, timeMs, value)
  } else {
    const slot = slotOfSeries(index, at, host, rooms)
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
  outcome: Result,
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
  outcome: Result,
): void {
  const { frame, facts, origin } = event
  if (facts !== null) host.facts = facts
  const bucket = bucketAt(config, partition, host, frame.timeMs, outcome)
  if (bucket === null) outcome.lateFrames += 1
  applyFrame(host, frame, bucket, (group) => {
    const slot = takeSlot(host, group, partition.index, partition.rooms)
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
function bucketAt(
  config: StepConfig,
  partition: Partition,
  host: HostState,
  timeMs: number,
  outcome: Result,
): Bucket | null {
  const { buckets } = host
  const startMs = Math.floor(timeMs / config.bucketMs) * config.bucketMs
  let at = buckets.length - 1
  while (at >= 0 && buckets[at]!.startMs > startMs) at -= 1
  if (at >= 0 && buckets[at]!.startMs === startMs) return buckets[at]!
  if (startMs < host.closedThroughMs) return null
  const bucket = createBucket(startMs, host.processes.length, host.lanes.size)
  buckets.splice(at + 1, 0, bucket)
  if (buckets.length > config.bucketsMax) {
    outcome.dropped.buckets += 1
    closeFirst(config, partition, host, outcome)
  }
  return startMs < host.closedThroughMs ? null : bucket
}

/**
 * Closes what is due for a host. Each of its feeds has come as far as its highest event time, or, when it has been
 * quiet for longer than `silenceMs`, as far as time has passed on the bus since; the slower feed decides.
 */
function advance(config: StepConfig, partition: Partition, host: HostState, nowMs: number, outcome: Result): void {
  const feeds = [host.samples, host.snapshots].filter((feed) => feed.timeMs > Number.NEGATIVE_INFINITY)
  if (feeds.length === 0) return
  const passedMs = (feed: Feed): number => feed.timeMs + Math.max(0, nowMs - feed.storedAtMs - config.silenceMs)
  const effectiveMs = Math.min(...feeds.map(passedMs))
  while (host.buckets.length > 0) {
    const endMs = host.buckets[0]!.startMs + config.bucketMs
    if (endMs + config.closeAfterMs > effectiveMs) break
    closeFirst(config, partition, host, outcome)
  }
  partition.engine.passTime(host.unit, effectiveMs - config.closeAfterMs)
  // Seconds that the data itself has left behind are closed even if they were empty; silence alone closes none ahead,
  // so that what an agent kept while it was cut off still counts when it comes.
  const dataMs = Math.min(...feeds.map((feed) => feed.timeMs)) - config.closeAfterMs
  host.closedThroughMs = Math.max(host.closedThroughMs, Math.floor(dataMs / config.bucketMs) * config.bucketMs)
}

function closeFirst(config: StepConfig, partition: Partition, host: HostState, outcome: Result): void {
  const bucket = host.buckets.shift()!
  const rows = closeBucket(host, bucket, config.bucketMs)
  if (rows !== null) outcome.closed.push(rows)
  feedDetection(partition.engine, host, bucket, rows, config.bucketMs)
  host.closedThroughMs = Math.max(host.closedThroughMs, bucket.startMs + config.bucketMs)
}
