import type { Bus, BusRecord, OutgoingRecord, RecordBatch } from '@driftline/platform/bus/bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import { type ForestModel, topics } from '@driftline/proto'
import type { AnalyzerMetrics } from './analyzer-metrics.ts'
import { decodeMoment, encodeMoment, type PartitionMoment } from './checkpoint-codec.ts'
import type { CheckpointStore, Holding } from './checkpoints.ts'
import type { AnalyzerConfig } from './config.ts'
import { decodeRecord, originOf } from './decode.ts'
import type { TrainingJob } from './detectors/isolation-forest/training.ts'
import type { WarmUp } from './history/warm-up.ts'
import { createInputMerge } from './input-merge.ts'
import { kpiRecord } from './kpi-record.ts'
import { createPartitionState } from './model/state.ts'
import { endsOfOrphans } from './orphans.ts'
import { installationRecord, modelRecord } from './settings-records.ts'
import { type Origin, openPartition, type Partition, stateOf, step } from './step.ts'

/** In the order in which records that were stored at the same moment are applied. */
export const inputTopics = [
  topics.settings.name,
  topics.series.name,
  topics.snapshots.name,
  topics.samples.name,
  topics.flaggedRecords.name,
  topics.logPatterns.name,
  topics.runs.name,
  topics.ticks.name,
]
/** What is said once and holds from then on: read again from the beginning by who has no checkpoint. */
const lastingTopics = [topics.settings.name, topics.series.name]

export interface PartitionRunnerDeps {
  readonly bus: Bus
  /** The consumer group whose partitions these are. */
  readonly group: string
  readonly checkpoints: CheckpointStore
  readonly logger: Logger
  readonly metrics: AnalyzerMetrics
  readonly clock: Clock
  /** Trains models in the background; without it no job is done. */
  readonly train?: (job: TrainingJob) => Promise<ForestModel>
  /** What is stored of hosts that are seen for the first time; without it they begin without a past. */
  readonly warmUp?: WarmUp
}

/** One partition of all input topics: applies records, publishes KPIs, keeps checkpoints. */
export interface PartitionRunner {
  /** Resolves with the offset of the batch's topic that is safe to commit. */
  handle(batch: RecordBatch): Promise<number>
  /** Stores a last checkpoint. What is handled afterwards changes nothing. */
  close(): Promise<void>
  /** Another instance has taken the partition: this one has stopped working on it, whatever the bus thinks. */
  isReplaced(): boolean
  /** Publishes a record with the next ones, such as a change of settings that was worked out meanwhile. */
  publish(record: OutgoingRecord): void
}

/** Several thousand records wait only while one topic is far behind the others. */
const WAITING_MAX = 10_000
const PUBLISH_RECORDS_MAX = 500
const REPEAT_SOURCES_MAX = 20_000

interface Runner {
  readonly config: AnalyzerConfig
  readonly deps: PartitionRunnerDeps
  readonly number: number
  readonly holding: Holding
  readonly partition: Partition
  readonly merge: ReturnType<typeof createInputMerge>
  readonly repeats: ReturnType<typeof createRepeatFilter>
  /** Records that are not yet published; a checkpoint is only made while there are none. */
  readonly outbox: OutgoingRecord[]
  /** Positions of the last stored checkpoint. */
  saved: ReadonlyMap<string, number>
  /** Where reading began, for topics that the last stored checkpoint does not know yet. */
  readonly began: Map<string, number>
  checkpointDueMs: number
  flushing: Promise<void>
  /** Whether it was said that expressions find no room: the counter goes on, the log would be full of it. */
  saidFull: boolean
  closed: boolean
  replaced: boolean
}

/** Restores the last checkpoint. Errors: those of the bus and of the checkpoint store. */
export async function openPartitionRunner(
  config: AnalyzerConfig,
  deps: PartitionRunnerDeps,
  number: number,
): Promise<PartitionRunner> {
  const holding = await deps.checkpoints.take(number)
  const moment = momentOf(holding, deps, number)
  const repeats = createRepeatFilter({ ...config, maxSources: REPEAT_SOURCES_MAX })
  repeats.restore(moment?.repeats ?? [])
  const positions = moment?.positions ?? new Map<string, number>()
  const runner: Runner = {
    config,
    deps,
    number,
    holding,
    partition: openPartition(config.step, moment?.state ?? createPartitionState()),
    merge: createInputMerge({
      topics: inputTopics,
      positions,
      behind: await topicsBehind(deps, number),
      waitingMax: WAITING_MAX,
    }),
    repeats,
    outbox: [],
    saved: positions,
    began: new Map(),
    checkpointDueMs: deps.clock.nowMs() + config.checkpointMs,
    flushing: Promise.resolve(),
    saidFull: false,
    closed: false,
    replaced: false,
  }
  if (moment === null) {
    await learnWhatLasts(runner)
    await endOrphans(runner)
  }
  await publishInstallation(runner)
  return {
    handle: (batch) => handle(runner, batch),
    isReplaced: () => runner.replaced,
    publish(record) {
      if (!runner.closed) runner.outbox.push(record)
    },
    async close() {
      if (runner.closed) return
      runner.closed = true
      await flush(runner)
      await checkpoint(runner)
    },
  }
}

/** What cannot be used is set aside: to fail on it would be to fail for ever. The next checkpoint takes its place. */
function momentOf({ bytes }: Holding, deps: PartitionRunnerDeps, partition: number): PartitionMoment | null {
  if (bytes === null) return null
  const decoded = decodeMoment(bytes)
  if (decoded.kind === 'whole') return decoded.moment
  deps.metrics.checkpointsSetAside.inc({ reason: decoded.kind })
  const fields = { partition, reason: decoded.kind, bytes: bytes.length }
  deps.logger.error(fields, 'a checkpoint cannot be used; going on from the committed offsets without its state')
  return null
}

/** Asked, not waited for: a topic that gives nothing for a while may have nothing, or be slow to come. */
async function topicsBehind({ bus, group }: PartitionRunnerDeps, number: number): Promise<Set<string>> {
  const lags = await Promise.all(inputTopics.map((topic) => bus.lagOf(group, topic, number)))
  return new Set(inputTopics.filter((_, index) => lags[index]! > 0))
}

/** Without a checkpoint, what the group has read long ago is read again: samples do not repeat it. */
async function learnWhatLasts({ deps, number, partition, config }: Runner): Promise<void> {
  for (const topic of lastingTopics) {
    for (const record of await deps.bus.read(topic, number, 0, Number.MAX_SAFE_INTEGER)) {
      const verdict = decodeRecord(record)
      if (verdict.kind === 'emit') step(config.step, partition, verdict.value)
    }
  }
}

/** What was open when the state was lost ends now. Before anything is judged, so that its end comes first. */
async function endOrphans({ deps, number }: Runner): Promise<void> {
  const ends = endsOfOrphans(await deps.bus.read(topics.anomalies.name, number, 0, Number.MAX_SAFE_INTEGER))
  if (ends.length === 0) return
  for (let at = 0; at < ends.length; at += PUBLISH_RECORDS_MAX) {
    await deps.bus.publish(ends.slice(at, at + PUBLISH_RECORDS_MAX))
  }
  deps.logger.warn({ partition: number, anomalies: ends.length }, 'ended anomalies whose state was lost')
}

/** The installation's settings reach detectors as everything else does, so that the stream tells what they went by. */
async function publishInstallation({ config, deps, number, partition }: Runner): Promise<void> {
  if (config.installation === undefined) return
  const known = partition.engine.installationSettings()
  const record = installationRecord(config.installation, known, number, deps.clock.nowMs())
  if (record !== null) await deps.bus.publish([record])
}

async function handle(runner: Runner, batch: RecordBatch): Promise<number> {
  const first = batch.records[0]!.offset
  if (!runner.began.has(batch.topic)) runner.began.set(batch.topic, first)
  if (runner.closed) return safeOffset(runner, batch.topic)
  const expected = runner.merge.positions().get(batch.topic)
  if (expected !== undefined && first > expected && runner.merge.waiting === 0) {
    runner.deps.metrics.gaps.inc()
    runner.deps.logger.warn({ topic: batch.topic, expected, first }, 'input was gone before it was read')
  }
  await warmUp(runner, batch)
  runner.merge.add(batch)
  drain(runner)
  runner.merge.keepWaiting()
  await flush(runner)
  if (runner.deps.clock.nowMs() >= runner.checkpointDueMs) await checkpoint(runner)
  return safeOffset(runner, batch.topic)
}

/** Hosts that nothing is known of learn from what is stored, before their first live record is applied. */
async function warmUp({ deps, partition }: Runner, { topic, records }: RecordBatch): Promise<void> {
  if (deps.warmUp === undefined || (topic !== topics.samples.name && topic !== topics.snapshots.name)) return
  const unknown = new Map<string, Origin>()
  for (const { key, headers, storedAtMs } of records) {
    if (unknown.has(key) || partition.state.hosts.has(key)) continue
    unknown.set(key, originOf(key, headers.tenant, storedAtMs))
  }
  if (unknown.size > 0) await deps.warmUp.learn(partition, [...unknown.values()])
}

/** Everything below it is in the last stored checkpoint. */
function safeOffset({ saved, began }: Runner, topic: string): number {
  return saved.get(topic) ?? began.get(topic) ?? 0
}

/** Applies what may be applied. Synchronous, so that state, positions and outbox always belong together. */
function drain(runner: Runner): void {
  const { merge, deps, config, partition, outbox } = runner
  const { metrics } = deps
  for (let record = merge.next(); record !== null; record = merge.next()) {
    if (record.topic !== topics.ticks.name && runner.repeats.isRepeat(record)) {
      metrics.records.inc({ verdict: 'repeat' })
      continue
    }
    const verdict = decodeRecord(record)
    metrics.records.inc({ verdict: verdict.kind })
    if (verdict.kind === 'dead-letter') refuse(runner, record, verdict)
    if (verdict.kind !== 'emit') continue
    const beganAtMs = performance.now()
    const outcome = step(config.step, partition, verdict.value)
    metrics.count(outcome)
    const { length } = outcome.closed
    if (length > 0) metrics.stepSeconds.observe((performance.now() - beganAtMs) / 1000 / length)
    for (const rows of outcome.closed) {
      outbox.push(kpiRecord(rows, config.step.bucketMs))
      const endMs = rows.bucketTimeMs + config.step.bucketMs
      metrics.closeSeconds.observe(Math.max(0, deps.clock.nowMs() - endMs) / 1000)
    }
    outbox.push(...outcome.detection.records)
    for (const job of outcome.detection.jobs) void trainFor(runner, job)
    for (const { detector, error } of outcome.detection.failures) {
      deps.logger.error({ detector, error, partition: runner.number }, 'a detector failed and begins anew')
    }
    sayFull(runner, outcome.detection.dropped.expressions)
  }
}

function sayFull(runner: Runner, expressions: number): void {
  if (expressions === 0 || runner.saidFull) return
  runner.saidFull = true
  const { deps, number } = runner
  deps.logger.warn({ partition: number, expressions }, 'expressions of users find no room: some are not judged')
}

/** The model comes back as a record like any other, so that a recorded stream has it. */
async function trainFor(runner: Runner, job: TrainingJob): Promise<void> {
  const { deps } = runner
  try {
    const model = await deps.train?.(job)
    if (model !== undefined && !runner.closed) runner.outbox.push(modelRecord(job, model))
  } catch (error) {
    // The detector asks again after a while.
    deps.metrics.failedTrainings.inc()
    deps.logger.warn({ error, process: job.process }, 'a model could not be trained')
  }
}

/** The intake has validated what is here, so this is our own fault or a foreign producer's: counted and logged. */
function refuse({ deps }: Runner, record: BusRecord, verdict: { reason: string; detail: string }): void {
  deps.metrics.deadLetters.inc({ service: 'analyzer', reason: verdict.reason })
  const { topic, partition, offset } = record
  deps.logger.warn({ topic, partition, offset, ...verdict }, 'a record could not be read')
}

/** Publishes the outbox, in order, one publish at a time. */
function flush(runner: Runner): Promise<void> {
  const { outbox, deps } = runner
  const run = async (): Promise<void> => {
    while (outbox.length > 0) {
      const chunk = outbox.slice(0, PUBLISH_RECORDS_MAX)
      await deps.bus.publish(chunk)
      outbox.splice(0, chunk.length)
    }
  }
  runner.flushing = runner.flushing.then(run, run)
  return runner.flushing
}

/**
 * Stores state and positions as of now. Records of what the state has seen must be out, or they would be lost; when some
 * have come meanwhile, the next batch tries again. A failure is not the batch's: input is read again from further back.
 */
async function checkpoint(runner: Runner): Promise<void> {
  const { deps, number, merge, outbox } = runner
  if (outbox.length > 0) return
  const beganAtMs = deps.clock.nowMs()
  const positions = merge.positions()
  const bytes = encodeMoment({ positions, repeats: runner.repeats.snapshot(), state: stateOf(runner.partition) })
  deps.metrics.setCounts(number, runner.partition.engine.count())
  deps.metrics.checkpointBytes.set({ partition: String(number) }, bytes.length)
  try {
    if (await runner.holding.save(bytes)) runner.saved = positions
    else {
      // The bus has not told us yet. Whatever we did from here on, the other one does, too.
      runner.closed = true
      runner.replaced = true
      deps.logger.warn({ partition: number }, 'another instance has taken this partition over')
    }
  } catch (error) {
    deps.metrics.checkpointFailures.inc()
    deps.logger.warn({ error, partition: number }, 'could not store a checkpoint')
  }
  // Large states are stored less often, so that storing never takes more than a twentieth of the time.
  const endedAtMs = deps.clock.nowMs()
  runner.checkpointDueMs = endedAtMs + Math.max(runner.config.checkpointMs, 20 * (endedAtMs - beganAtMs))
}
