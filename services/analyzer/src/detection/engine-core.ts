import type { OutgoingRecord } from '@driftline/platform/bus/bus'
import type { Anomaly } from '@driftline/proto'
import type { TrainingJob } from '../detectors/isolation-forest/training.ts'
import type { Describe } from './anomaly-record.ts'
import type { CreateBaselines, LearningBaselines } from './baselines.ts'
import type { CreateDetector, DetectionConfig, DetectionContext, Detector, DetectorState } from './detector.ts'
import type { ExcursionDeps, Judged, Report } from './excursions.ts'
import type { MinuteState, Minutes } from './minutes.ts'
import type { SettingsLookup } from './settings-lookup.ts'
import type { SettingsState, SettingsTable } from './settings-table.ts'
import type { TrackTable, TrackTableState } from './track-table.ts'
import type { UnitState } from './unit-state.ts'

/** What detection has to say after an event; the caller empties it. */
export interface DetectionOutput {
  records: OutgoingRecord[]
  /** The anomalies among the records, for metrics. */
  anomalies: Pick<Anomaly, 'type' | 'severity' | 'phase'>[]
  /** Models to be trained in the background. */
  jobs: TrainingJob[]
  failures: { readonly detector: string; readonly error: Error }[]
  /** What found no room. */
  dropped: { tracks: number; excursions: number; findings: number; settings: number; expressions: number }
  settingsChanges: number
}

export const emptyOutput = (): DetectionOutput => ({
  records: [],
  anomalies: [],
  jobs: [],
  failures: [],
  dropped: { tracks: 0, excursions: 0, findings: 0, settings: 0, expressions: 0 },
  settingsChanges: 0,
})

/** Everything that detection knows of a partition, as structured-cloneable data. */
export interface DetectionState {
  readonly table: TrackTableState
  readonly units: (UnitState | null)[]
  readonly freeUnits: number[]
  readonly minutes: MinuteState
  readonly settings: SettingsState
  /** When the model that a process goes by took effect, by number of the process. */
  readonly models: Map<number, number>
  readonly baselines: DetectorState
  readonly detectors: Record<string, DetectorState>
}

export interface EngineConfig extends DetectionConfig {
  readonly bucketMs: number
}

export interface EngineDeps {
  readonly detectors: readonly CreateDetector[]
  readonly createBaselines: CreateBaselines
  readonly describe: Describe
}

/** A detector in its place, and how often it has failed since the start. */
export interface Seat {
  readonly create: CreateDetector
  detector: Detector
  failures: number
}

/** What the parts of the engine work on. */
export interface Core {
  readonly config: EngineConfig
  readonly deps: EngineDeps
  readonly table: TrackTable
  readonly settings: SettingsTable
  readonly lookup: SettingsLookup
  readonly minutes: Minutes
  readonly units: (UnitState | null)[]
  readonly freeUnits: number[]
  readonly models: Map<number, number>
  readonly seats: Seat[]
  baselines: LearningBaselines
  output: DetectionOutput
  /** Processes with a model that is not in effect yet, by unit. */
  readonly awaited: Map<number, Set<number>>
  /** Numbers of processes by tenant and id. */
  readonly processAt: Map<string, number>
  /** What is being judged, and what was reported about it. */
  judged: Judged
  judgedUnit: number
  reporting: Seat | null
  reports: Report[]
  readonly context: DetectionContext
  readonly excursionDeps: ExcursionDeps
  /** Values of the bucket that is judged next. */
  readonly next: Columns
  readonly minute: Columns
}

/** Tracks and their values; `count` are in use. */
export interface Columns {
  track: Int32Array
  value: Float64Array
  count: number
}

export const processKey = (tenant: string, process: string): string => `${tenant}/${process}`

export function unitOf(core: Core, unit: number): UnitState {
  return core.units[unit]!
}
