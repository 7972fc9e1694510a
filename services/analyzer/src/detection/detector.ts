import type { ForestModel, Severity } from '@driftline/proto'
import type { TrainingJob } from '../detectors/isolation-forest/training.ts'
import type { Baselines } from './baselines.ts'
import type { EffectiveSettings } from './effective-settings.ts'

/**
 * Lines of numbers that detectors watch: a KPI of a process, or a plain series. A track is a number from 0 to
 * `size` - 1, the place of its values in the columns of every detector; it is given again only after `forget`.
 */
export interface Tracks {
  readonly size: number
  /** Number of the process, per track. */
  readonly process: Int32Array
  /** Number of the KPI (`kpis` of proto), per track; -1 for a plain series. */
  readonly kpi: Int8Array
  /** KPI name, or name of the metric. */
  metric(track: number): string
  /** Canonical attributes of a plain series; empty for a KPI. */
  attributes(track: number): string
  /** UCUM. */
  unit(track: number): string
  /** Whether it is of a group of programs (`os:`), of which some come and go. */
  ofPrograms(track: number): boolean
}

/** The processes of the partition by number. */
export interface Processes {
  readonly size: number
  id(process: number): string
  tenant(process: number): string
  /** Number of the unit: the host of `host:` and `os:`, else the process itself. Time passes per unit. */
  unit(process: number): number
  /** The track of a KPI of a process; -1 when it has none. */
  track(process: number, kpi: number): number
}

/** One closed bucket of a unit. Parallel arrays of which `count` elements are in use; valid during the call only. */
export interface ClosedBucket {
  readonly unit: number
  /** Event time, milliseconds since the Unix epoch. */
  readonly startMs: number
  readonly endMs: number
  readonly count: number
  /** Tracks that have data in the bucket, each once. */
  readonly track: Int32Array
  /** Mean of the bucket, finite. */
  readonly value: Float64Array
  /** What happened to processes in it: starts and ends; empty for most. */
  readonly lives: readonly ProcessLife[]
}

/** One closed minute of a unit, as ClosedBucket: `value` is the mean of the minute's buckets. */
export type ClosedMinute = ClosedBucket

/** Starts and ends of the instances of a group in one bucket. */
export interface ProcessLife {
  readonly process: number
  readonly starts: number
  readonly expectedEnds: number
  /** Failed, killed, or ended unseen and started again by the same parent within seconds. */
  readonly unexpectedEnds: number
  /** Starts of what had run for a minute (or was restarted before) by the same parent, after it had not ended well. */
  readonly restarts: number
  /** Longest run that ended in the bucket; 0 without ends. */
  readonly longestMs: number
  /** An instance that ended ran in a container. */
  readonly isContained: boolean
  /** Instances at the end of the bucket. */
  readonly alive: number
  /** It had run for at least a minute: one-shot programs end all the time. */
  readonly longRunning: boolean
}

/** What a detector found in a bucket: that a subject is out of its normal now. Reported in each bucket while it lasts. */
export interface Finding {
  readonly process: number
  /** -1 when it is about the process as a whole. */
  readonly track: number
  readonly severity: Severity.INFO | Severity.WARNING | Severity.CRITICAL
  /** NaN where there is none. */
  readonly value: number
  readonly expectedLow: number
  readonly expectedHigh: number
  readonly centre: number
  /** How far: robust standard deviations, else the detector's own score; 0 for rules. Compared to find the worst. */
  readonly score: number
  /** When the limit is reached at the present trend, event time; NaN without a forecast. */
  readonly exhaustedAtMs?: number
  /** Tells several subjects of one detector on the same track apart, such as the name of a rule. */
  readonly rule?: string
  /** In words, what the fields above cannot say, such as `3 restarts within 10 min`. */
  readonly words?: string
  readonly contributions?: readonly { readonly metric: string; readonly share: number }[]
}

/** An excursion of any type that opens, or closes. Event time. */
export interface ExcursionEvent {
  readonly type: string
  readonly process: number
  /** -1 when it is about the process as a whole. */
  readonly track: number
  readonly rule: string
  readonly severity: Finding['severity']
  readonly opened: boolean
  /** Start of the excursion, and the time of this event. */
  readonly startMs: number
  readonly timeMs: number
}

/** What detectors may ask, and where they report. */
export interface DetectionContext {
  readonly tracks: Tracks
  readonly processes: Processes
  readonly baselines: Baselines
  settings(process: number): EffectiveSettings
  report(finding: Finding): void
}

/** Typed arrays by name, an element (or a fixed number of them) per track or process, and plain data. */
export type DetectorState = Record<string, unknown>

/**
 * Finds one type of anomaly. Synchronous and deterministic: no clock, no I/O, no randomness but from seeds that are
 * made of ids; no allocation per value. It only says what is out of normal in each bucket; the excursion layer makes
 * one anomaly of what lasts, with the hysteresis below.
 */
export interface Detector {
  /** The type of its anomalies, snake_case. */
  readonly type: string
  /** An excursion opens when it was reported in every bucket with data for so long, event time. */
  readonly openAfterMs: number
  /** And closes when it was not reported for so long. */
  readonly closeAfterMs: number
  onBucket?(bucket: ClosedBucket, context: DetectionContext): void
  onMinute?(minute: ClosedMinute, context: DetectionContext): void
  /** Event time of a unit has come to `nowMs`, with data or without: at least once a second while ticks come. */
  onTime?(unit: number, nowMs: number, context: DetectionContext): void
  /** A model that was trained in the background is in effect from the next bucket of the process on. */
  onModel?(process: number, model: ForestModel, context: DetectionContext): void
  /** What it wants worked out in the background since it was asked last; the answers come as models. */
  takeJobs?(): readonly TrainingJob[]
  /** Rules, for one set of attributes each, that found no room since it was asked last. */
  takeDropped?(): number
  /** An excursion of any detector has opened or closed. Nothing can be reported then. */
  onExcursion?(event: ExcursionEvent, context: DetectionContext): void
  /** Whether an excursion that is about to open has to wait; it is asked in each bucket in which that is reported. */
  holdsBack?(event: ExcursionEvent): boolean
  /** The numbers are about to be given to others. */
  forgetTrack?(track: number): void
  forgetProcess?(process: number): void
  /** Everything it knows, as structured-cloneable data; stored in checkpoints and given back to `restore`. */
  state(): DetectorState
  /** State of another version is refused by throwing AppError `checkpoint_unreadable`-like; the engine starts afresh. */
  restore(state: DetectorState): void
}

/** Makes a detector; the registry lists one of these per folder. */
export type CreateDetector = (config: DetectionConfig) => Detector

/** Settings of the installation that detectors start from; see docs/SETTINGS.md. */
export interface DetectionConfig {
  readonly baselineWindowMs: number
  readonly trainingWindowMs: number
  readonly sensitivity: number
  /** 0.2 for 20 %. */
  readonly degradationShare: number
  readonly errorSpikeMultiple: number
  readonly exhaustionShare: number
  /** Tracks of one partition. */
  readonly tracksMax: number
  /** Processes of one partition that have an isolation forest; 200 unless given. */
  readonly forestsMax?: number
  /** Tracks of one partition that the streaming detector follows; 1,000 unless given. */
  readonly streamingMax?: number
  /** Bytes that the expressions of one partition may keep; 128 MiB unless given. */
  readonly expressionBytesMax?: number
}
