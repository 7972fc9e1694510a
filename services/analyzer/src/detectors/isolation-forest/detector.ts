import { type ForestModel, Severity } from '@driftline/proto'
import type {
  ClosedMinute,
  DetectionConfig,
  DetectionContext,
  Detector,
  DetectorState,
} from '../../detection/detector.ts'
import { contaminationOf, thresholdOf } from './alarm.ts'
import { attribute } from './attribution.ts'
import { featureCount, featureNames, featureOfKpi, scaled } from './features.ts'
import { scorePoint } from './forest.ts'
import { seedOf } from './random.ts'
import { addRow } from './reservoir.ts'
import { decodeModel, type TrainedModel } from './trained-model.ts'
import { isDue, type TrainingJob, trainingJob } from './training.ts'
import { type AdoptedModel, createWatchlist, type WatchedProcess, type Watchlist, watch } from './watched.ts'

/** The detector, and what it wants trained: models come back through `onModel`. */
export interface ForestDetector extends Detector {
  /** Jobs since the last call, in the order of their minutes. */
  takeJobs(): TrainingJob[]
}

const TYPE = 'isolation_forest'
const VERSION = 1
const MINUTE_MS = 60_000
/** A trained model holds from the next full minute after this: training and publishing take well below a second. */
const ADOPT_AFTER_MS = 60_000
/** So many isolated minutes in a row make an anomaly; one counts as two or three by how wide its margin is. */
const STREAK_MIN = 3
const WIDE_MARGIN = 0.08
/** While raised, this much below the threshold still counts. */
const CLEAR_MARGIN = 0.01
/** A gap in the data longer than this ends a row of minutes. */
const GAP_MINUTES = 3
/**
 * A forest that has not seen a whole day knows no night, one that has not seen a week no weekend: until then this much
 * more is asked of the score, less and less.
 */
const DAY = { ms: 86_400_000, margin: 0.5 }
const WEEK = { ms: 7 * 86_400_000, margin: 0.05 }
/** Rows that come this near to an alarm without being part of one are kept longer than others. */
const RARE_MARGIN = 0.08
/** Features with a smaller share of the isolation are not named. */
const SHARE_MIN = 0.05
const JOBS_MAX = 1000
const FORESTS_MAX = 200

interface Detection {
  readonly config: DetectionConfig
  readonly forestsMax: number
  list: Watchlist
  /** Decoded models, made again from the list after a restart. */
  readonly ready: Map<number, TrainedModel>
  readonly minute: MinuteRows
  /** The row that was scored last on the model's features, and its score. */
  readonly point: Float32Array
  score: number
  jobs: TrainingJob[]
}

/** The rows of the minute that is being looked at. Room is kept from one to the next. */
interface MinuteRows {
  count: number
  process: Int32Array
  values: Float32Array
  /** Place of each process of the minute; emptied after it. */
  readonly placeOf: Map<number, number>
}

/** Finds minutes in which the KPIs of a process are, taken together, unlike those of the weeks before. */
export function createIsolationForest(config: DetectionConfig): ForestDetector {
  const detection: Detection = {
    config,
    forestsMax: config.forestsMax ?? FORESTS_MAX,
    list: createWatchlist(),
    ready: new Map(),
    minute: { count: 0, process: new Int32Array(64), values: new Float32Array(64 * featureCount), placeOf: new Map() },
    point: new Float32Array(featureCount),
    score: 0,
    jobs: [],
  }
  return {
    type: TYPE,
    // The rows of minutes that it counts itself are what others wait for.
    openAfterMs: 0,
    closeAfterMs: 2 * MINUTE_MS,
    onMinute(minute, context) {
      collect(detection.minute, minute, context)
      for (let place = 0; place < detection.minute.count; place++) judge(detection, place, minute, context)
      detection.minute.placeOf.clear()
    },
    onModel: (process, model, context) => adopt(detection, process, model, context),
    forgetProcess(process) {
      detection.list.processes.delete(process)
      detection.ready.delete(process)
    },
    takeJobs() {
      const { jobs } = detection
      detection.jobs = []
      return jobs
    },
    state: () => ({ version: VERSION, list: detection.list }),
    restore: (state) => restore(detection, state),
  }
}

/** Turns the lines of a minute into a row of features per process. */
function collect(rows: MinuteRows, minute: ClosedMinute, { tracks }: DetectionContext): void {
  rows.count = 0
  for (let at = 0; at < minute.count; at++) {
    const track = minute.track[at]!
    const kpi = tracks.kpi[track]!
    const feature = kpi === -1 ? -1 : featureOfKpi[kpi]!
    if (feature === -1) continue
    const process = tracks.process[track]!
    let place = rows.placeOf.get(process)
    if (place === undefined) {
      place = rows.count++
      rows.placeOf.set(process, place)
      if (place === rows.process.length) widen(rows)
      rows.process[place] = process
      rows.values.fill(Number.NaN, place * featureCount, (place + 1) * featureCount)
    }
    rows.values[place * featureCount + feature] = scaled(feature, minute.value[at]!)
  }
}

function widen(rows: MinuteRows): void {
  const { process, values } = rows
  rows.process = new Int32Array(2 * process.length)
  rows.process.set(process)
  rows.values = new Float32Array(2 * values.length)
  rows.values.set(values)
}

function judge(detection: Detection, place: number, closed: ClosedMinute, context: DetectionContext): void {
  const { minute: rows, config } = detection
  const process = rows.process[place]!
  const settings = context.settings(process)
  if (!settings.enabled || settings.disabledTypes.has(TYPE)) return
  const entry = entryOf(detection, process, context)
  if (entry === undefined) return
  const minute = Math.floor(closed.startMs / MINUTE_MS)
  // A minute comes once; what came again, or late, would count twice.
  if (minute <= entry.lastMinute) return
  if (minute - entry.lastMinute > GAP_MINUTES) calm(entry)
  entry.lastMinute = minute
  const margin = marginOf(detection, process, entry, place * featureCount, settings.sensitivity)
  const isReported = isAnomaly(entry, minute, margin)
  if (isReported) report(detection, process, entry.model, context)
  const fromMinute = minute - Math.floor(config.trainingWindowMs / MINUTE_MS)
  addRow(entry.rows, minute, rows.values, place * featureCount, {
    fromMinute,
    isRare: margin > -RARE_MARGIN && !isReported,
  })
  if (isDue(entry, minute)) request(detection, process, entry, minute, context)
}

function entryOf(detection: Detection, process: number, { processes }: DetectionContext): WatchedProcess | undefined {
  const { list, forestsMax, ready } = detection
  const known = list.processes.get(process)
  if (known !== undefined) return known
  const id = processes.id(process)
  const isGroup = id.startsWith('os:')
  if (isGroup && list.processes.size >= forestsMax) return undefined
  const salt = Number(seedOf(processes.tenant(process), id) & 0xffffffffn)
  const entry = watch(list, process, isGroup, salt, forestsMax)
  for (const decoded of ready.keys()) if (!list.processes.has(decoded)) ready.delete(decoded)
  return entry
}

/** How far a row's score lies above what makes an alarm; -Infinity without a model. Leaves the row in `point`. */
function marginOf(
  detection: Detection,
  process: number,
  entry: WatchedProcess,
  offset: number,
  sensitivity: number,
): number {
  const trained = detection.ready.get(process)
  const { model } = entry
  if (trained === undefined || model === null) return Number.NEGATIVE_INFINITY
  const { point, minute } = detection
  for (let at = 0; at < model.features.length; at++) point[at] = minute.values[offset + model.features[at]!]!
  detection.score = scorePoint(trained.forest, point)
  return detection.score - thresholdOf(trained.tail, contaminationOf(sensitivity)) - youthOf(model)
}

function calm(entry: WatchedProcess): void {
  entry.streak = 0
  entry.raisedSince = -1
}

function youthOf({ trainedFromMs, trainedThroughMs }: AdoptedModel): number {
  const missing = ({ ms, margin }: { ms: number; margin: number }): number =>
    margin * Math.max(0, 1 - (trainedThroughMs - trainedFromMs) / ms)
  return missing(DAY) + missing(WEEK)
}

/** Counts isolated minutes. */
function isAnomaly(entry: WatchedProcess, minute: number, margin: number): boolean {
  if (margin < (entry.raisedSince === -1 ? 0 : -CLEAR_MARGIN)) {
    calm(entry)
    return false
  }
  const worth = 1 + Math.min(STREAK_MIN - 1, Math.floor(Math.max(0, margin) / WIDE_MARGIN))
  entry.streak = Math.min(STREAK_MIN, entry.streak + worth)
  if (entry.streak < STREAK_MIN) return false
  if (entry.raisedSince === -1) entry.raisedSince = minute
  return true
}

function report(
  { point, ready, score }: Detection,
  process: number,
  model: AdoptedModel | null,
  context: DetectionContext,
): void {
  const forest = ready.get(process)?.forest
  if (model === null || forest === undefined) return
  const shares = new Float64Array(model.features.length)
  attribute(forest, point, 0, shares)
  const contributions = Array.from(shares, (share, at) => ({ metric: featureNames[model.features[at]!]!, share }))
    .filter(({ share }) => share >= SHARE_MIN)
    .sort((a, b) => b.share - a.share)
  context.report({
    process,
    track: -1,
    severity: Severity.WARNING,
    value: Number.NaN,
    expectedLow: Number.NaN,
    expectedHigh: Number.NaN,
    centre: Number.NaN,
    score,
    contributions,
  })
}

function request(
  detection: Detection,
  process: number,
  entry: WatchedProcess,
  minute: number,
  { processes }: DetectionContext,
): void {
  const of = { tenant: processes.tenant(process), process: processes.id(process) }
  const seed = seedOf(of.tenant, of.process, String(minute))
  const job = trainingJob(entry, of, seed, (minute + 1) * MINUTE_MS + ADOPT_AFTER_MS)
  entry.requestedThrough = minute
  entry.awaitsModel = job !== null
  // What finds no room is asked for again, as what got lost.
  if (job !== null && detection.jobs.length < JOBS_MAX) detection.jobs.push(job)
}

function adopt(detection: Detection, process: number, model: ForestModel, context: DetectionContext): void {
  // One that was forgotten and is back has its model before its first minute.
  const entry = entryOf(detection, process, context)
  if (entry === undefined) return
  const features = model.features.map((name) => (featureNames as readonly string[]).indexOf(name))
  const decoded = decodeModel(model.model)
  const fits = decoded.kind === 'model' && decoded.model.forest.featureCount === features.length
  // What cannot be read is as good as lost: it is asked for again.
  if (!fits || features.includes(-1)) return
  entry.awaitsModel = false
  entry.model = {
    bytes: model.model.slice(),
    features: Uint8Array.from(features),
    trainedFromMs: Number(model.trainedFromMs),
    trainedThroughMs: Number(model.trainedThroughMs),
  }
  detection.ready.set(process, decoded.model)
}

function restore(detection: Detection, state: DetectorState): void {
  if (state['version'] !== VERSION) throw new Error(`state of version ${String(state['version'])}`)
  detection.list = state['list'] as Watchlist
  detection.ready.clear()
  for (const [process, { model }] of detection.list.processes) {
    if (model === null) continue
    const decoded = decodeModel(model.bytes)
    if (decoded.kind === 'model') detection.ready.set(process, decoded.model)
  }
}
