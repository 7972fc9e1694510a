import type { SampleColumns, Series, SettingsChange } from '@driftline/proto'
import type { StepConfig } from './config.ts'
import { createDetectionEngine, type DetectionEngine } from './detection/engine.ts'
import type { DetectionOutput, EngineDeps } from './detection/engine-core.ts'
import type { PointFinding } from './detection/point-findings.ts'
import { engineParts } from './detection/registry.ts'
import type { RunFacts } from './detection/runs/run-facts.ts'
import { closeBucket, type KpiRows } from './model/close.ts'
import { ownTrack, passedOver } from './model/columns.ts'
import { feedDetection } from './model/feed-detection.ts'
import { addToLane, freeLane } from './model/lanes.ts'
import { heardMs, noteTick } from './model/outages.ts'
import { applyFrame, type Frame } from './model/process-table.ts'
import {
  createSeriesIndex,
  defineSeries,
  detachSeries,
  laneOfSeries,
  processOfSlot,
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
  type WaitingSample,
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
  | { readonly kind: 'point'; readonly origin: Origin; readonly finding: PointFinding }
  | { readonly kind: 'run'; readonly origin: Origin; readonly facts: RunFacts }
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
    noteTick(partition.state.outages, event.storedAtMs)
    for (const host of partition.state.hosts.values()) {
      advance(config, partition, host, event.storedAtMs, outcome)
      passRunTime(partition, host, event.storedAtMs)
    }
  } else {
    const host = hostOf(config, partition, event.origin)
    if (host === null) {
      outcome.dropped.hosts += 1
      return
    }
    // What has become due by silence closes first, as a tick in between would have had it.
    advance(config, partition, host, event.origin.storedAtMs, outcome)
    if (event.kind === 'point') {
      applyPoint(partition, host, event.finding, event.origin.storedAtMs)
      return
    }
    if (event.kind === 'run') {
      const process = processOfSlot(host, 0, partition.engine)
      if (process !== -1) partition.engine.takeRun(host.unit, process, event.facts, event.origin.storedAtMs)
      return
    }
    if (event.kind === 'samples') applySamples(config, partition, host, event.columns, event.origin.storedAtMs, outcome)
    else applySnapshot(config, partition, host, event, outcome)
    advance(config, partition, host, event.origin.storedAtMs, outcome)
  }
}

function tellTime({ state }: Partition, storedAtMs: number): void {
  state.series.nowS = Math.max(state.series.nowS, Math.floor(storedAtMs / 1000))
}

/** The state of a host, made if there is room; else null. */
export function hostOf(config: StepConfig, partition: Partition, origin: Origin): HostState | null {
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
    if (host !== undefined) applyWaiting(config, partition, host, at, sample, outcome)
    return false
  })
  waiting.samples.push(...still)
}

function hostOfSeries({ state, index }: Partition, at: number): HostState | undefined {
  return state.hosts.get(index.state.names[index.state.host[at]!] ?? '')
}

/**
 * A batch as the loop below reads it. What it calls takes the cursor and a row instead of numbers: handing a number
 * with a fraction to a function makes an object of it, and there are millions of them.
 */
interface Cursor {
  readonly baseTimeMs: number
  readonly timeOffsetMs: Int32Array
  readonly value: Float64Array
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
  const cursor: Cursor = { baseTimeMs, timeOffsetMs, value }
  const { table, state } = partition.index
  let latest = count === 0 ? 0 : Number.NEGATIVE_INFINITY
  let bucket: Bucket | null = null
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let row = 0; row < count; row++) {
    const offset = timeOffsetMs[row]!
    if (offset > latest) latest = offset
    const at = table.get(seriesPairs[2 * row]!, seriesPairs[2 * row + 1]!)
    if (at === -1) {
      const [low, high] = [seriesPairs[2 * row]!, seriesPairs[2 * row + 1]!]
      wait(config, partition, { low, high, timeMs: baseTimeMs + offset, value: value[row]! }, outcome)
      continue
    }
    state.usedAtS[at] = state.nowS
    if (!feeds(partition, host, at) || !Number.isFinite(value[row]!)) continue
    if (offset < from || offset >= to) {
      bucket = bucketAt(config, partition, host, baseTimeMs + offset, outcome)
      from = Math.floor((baseTimeMs + offset) / config.bucketMs) * config.bucketMs - baseTimeMs
      to = from + config.bucketMs
    }
    if (bucket === null) outcome.lateSamples += 1
    else addSample(partition, host, bucket, at, cursor, row, outcome)
  }
  moveFeed(host.samples, baseTimeMs + latest, storedAtMs)
}

/** A series feeds its own host only, whoever sends it. */
function feeds({ index }: Partition, host: HostState, at: number): boolean {
  return index.state.column[at] !== passedOver && index.state.host[at] === index.nameAt.get(host.key)
}

function addSample(
  { index, rooms }: Partition,
  host: HostState,
  bucket: Bucket,
  at: number,
  cursor: Cursor,
  row: number,
  outcome: Result,
): void {
  const column = index.state.column[at]!
  if (column === ownTrack) {
    const lane = laneOfSeries(index, at, host, rooms)
    // Without room for it, the engine has counted it.
    if (lane !== -1) addToLane(host.lanes, bucket, lane, cursor, row)
    return
  }
  const slot = slotOfSeries(index, at, host, rooms)
  if (slot === -1) outcome.dropped.groups += 1
  else addToBucket(bucket, slot, column, cursor.value, row, host.processes.length)
}

/** A sample that has waited for the definition of its series. */
function applyWaiting(
  config: StepConfig,
  partition: Partition,
  host: HostState,
  at: number,
  { timeMs, value }: WaitingSample,
  outcome: Result,
): void {
  partition.index.state.usedAtS[at] = partition.index.state.nowS
  if (!feeds(partition, host, at) || !Number.isFinite(value)) return
  const bucket = bucketAt(config, partition, host, timeMs, outcome)
  const cursor = { baseTimeMs: timeMs, timeOffsetMs: new Int32Array(1), value: Float64Array.of(value) }
  if (bucket === null) outcome.lateSamples += 1
  else addSample(partition, host, bucket, at, cursor, 0, outcome)
}

function wait(config: StepConfig, { state }: Partition, sample: WaitingSample, outcome: Result): void {
  const { samples } = state.waiting
  samples.push(sample)
  // Room is made in larger pieces, so that a flood of unknown ids does not move the array for each.
  if (samples.length > config.waitingMax) outcome.dropped.waiting += samples.splice(0, samples.length >> 1).length
}

/** It speaks for itself: no bucket has to close before people hear of it. */
function applyPoint({ engine }: Partition, host: HostState, finding: PointFinding, storedAtMs: number): void {
  const process = processOfSlot(host, 0, engine)
  if (process !== -1) engine.takePoint(host.unit, process, finding, storedAtMs)
}

/** Ticks alone let time pass for runs: a step that takes too long must be seen before it ends. */
function passRunTime({ engine, state }: Partition, { unit, processNumber }: HostState, tickMs: number): void {
  const process = processNumber[0]!
  if (process !== -1) engine.passRunTime(unit, process, tickMs, (sinceMs) => heardMs(state.outages, sinceMs, tickMs))
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
 * quiet for longer than `silenceMs`, as far as time has passed on the bus since; the slower feed decides. Time in
 * which the product itself was away is no quiet: what agents kept meanwhile is yet to come.
 */
function advance(config: StepConfig, partition: Partition, host: HostState, nowMs: number, outcome: Result): void {
  const feeds = [host.samples, host.snapshots].filter((feed) => feed.timeMs > Number.NEGATIVE_INFINITY)
  if (feeds.length === 0) {
    // One that has only findings of a moment so far: they come to their end with the time of the bus.
    partition.engine.passTime(host.unit, nowMs - config.closeAfterMs)
    return
  }
  const { outages } = partition.state
  const quietMs = (feed: Feed): number => Math.max(0, heardMs(outages, feed.storedAtMs, nowMs) - config.silenceMs)
  const passedMs = (feed: Feed): number => feed.timeMs + quietMs(feed)
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
