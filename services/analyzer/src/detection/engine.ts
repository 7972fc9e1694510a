import { AnomalyPhase, kpis, type SettingsChange } from '@driftline/proto'
import { anomalyRecord } from './anomaly-record.ts'
import type { DetectionConfig, DetectionContext, DetectorState, ExcursionEvent } from './detector.ts'
import type { EffectiveSettings } from './effective-settings.ts'
import {
  type Columns,
  type Core,
  type DetectionOutput,
  type DetectionState,
  type EngineConfig,
  type EngineDeps,
  emptyOutput,
  processKey,
  type Seat,
  unitOf,
} from './engine-core.ts'
import type { Excursion } from './excursion.ts'
import { type ExcursionDeps, endExcursions, endExcursionsOfTrack } from './excursions.ts'
import { ask, awaitModel, type EngineBucket, judge, learnPast, passTime, put, takeFinding } from './judging.ts'
import { endLesson } from './lessons.ts'
import { createMinuteState, createMinutes } from './minutes.ts'
import { endPoints, type PointFinding, takePoint } from './point-findings.ts'
import type { RunFacts } from './runs/run-facts.ts'
import { endRuns, passRunTime, takeRun } from './runs/run-findings.ts'
import { createSettingsLookup } from './settings-lookup.ts'
import { createSettingsTable } from './settings-table.ts'
import { createTrackTable, createTrackTableState, processFlag, type TrackTable } from './track-table.ts'
import { createUnitState } from './unit-state.ts'
import { isWanted } from './wanted.ts'

/**
 * Everything between closed buckets and anomalies, of one partition: numbers for what is watched, the time of each
 * unit, what detectors say, and what becomes of it. Synchronous and deterministic; state in typed arrays.
 */
export interface DetectionEngine {
  readonly table: TrackTable
  addUnit(key: string, tenant: string): number
  forgetUnit(unit: number): void
  /** -1 when there is no room, which is counted. */
  addProcess(unit: number, id: string): number
  forgetProcess(process: number): void
  /** -1 when there is no room, which is counted. */
  addPlainTrack(process: number, series: { metric: string; attributes: string; unit: string }): number
  forgetTrack(track: number): void
  /** Sets or clears a bit of `processFlag`. */
  flag(process: number, bit: number, isSet: boolean): void
  /** Adds a value to the bucket that is judged, or learnt, next; what is not finite is left out. */
  put(track: number, value: number): void
  putKpi(process: number, kpi: number, value: number): void
  judge(unit: number, bucket: EngineBucket): void
  /** Tells of something that happened at one moment; `nowMs` is when the bus stored it. */
  takePoint(unit: number, process: number, finding: PointFinding, nowMs: number): void
  /** Takes a transition of a run of a flow in; `nowMs` is when the bus stored it. */
  takeRun(unit: number, process: number, facts: RunFacts, nowMs: number): void
  /** Time passes for runs: `heardMs` is how much of it passed since a moment while the product was up. */
  passRunTime(unit: number, process: number, nowMs: number, heardMs: (sinceMs: number) => number): void
  passTime(unit: number, nowMs: number): void
  /** Learns from a minute of the past what is usual; before the first live bucket of the unit. */
  learnPast(unit: number, minuteMs: number): void
  applySettings(change: SettingsChange): void
  /** The installation's last published settings, encoded; null before the first. */
  installationSettings(): Uint8Array | null
  /** Hands out what has come up since it was asked last. */
  takeOutput(): DetectionOutput
  count(): EngineCounts
  state(): DetectionState
}

export interface EngineCounts {
  readonly units: number
  readonly processes: number
  readonly tracks: number
  /** Tracks whose baseline is still too young. */
  readonly learningTracks: number
  readonly openExcursions: ReadonlyMap<string, number>
}

const INITIAL_COLUMNS = 1024

/** `stored` is taken over, not copied. What a detector cannot restore is counted as its failure, and it starts afresh. */
export function createDetectionEngine(
  config: EngineConfig,
  deps: EngineDeps,
  stored: DetectionState | null,
): DetectionEngine {
  const core = openCore(config, deps, stored)
  return {
    table: core.table,
    addUnit: (key, tenant) => addUnit(core, key, tenant),
    forgetUnit: (unit) => forgetUnit(core, unit),
    addProcess: (unit, id) => addProcess(core, unit, id),
    forgetProcess: (process) => forgetProcess(core, process),
    addPlainTrack(process, series) {
      const track = core.table.addPlainTrack(process, series)
      if (track === -1) core.output.dropped.tracks += 1
      return track
    },
    forgetTrack: (track) => forgetTrack(core, track),
    flag(process, bit, isSet) {
      const { flags } = core.table.state
      flags[process] = isSet ? flags[process]! | bit : flags[process]! & ~bit
    },
    put: (track, value) => put(core, track, value),
    putKpi(process, kpi, value) {
      // NaN is what "no data" is written as, and no reason for a track.
      if (!Number.isFinite(value)) return
      const track = core.table.kpiTrack(process, kpi)
      if (track === -1) core.output.dropped.tracks += 1
      else put(core, track, value)
    },
    judge: (unit, bucket) => judge(core, unit, bucket),
    takePoint: (unit, process, finding, nowMs) => takePoint(core, unit, process, finding, nowMs),
    takeRun: (unit, process, facts, nowMs) => takeRun(core, unit, process, facts, nowMs),
    passRunTime: (unit, process, nowMs, heardMs) => passRunTime(core, unit, process, nowMs, heardMs),
    passTime: (unit, nowMs) => passTime(core, unit, nowMs),
    learnPast: (unit, minuteMs) => learnPast(core, unit, minuteMs),
    applySettings: (change) => applySettings(core, change),
    installationSettings: () => core.settings.installation(),
    takeOutput() {
      const { output } = core
      core.output = emptyOutput()
      return output
    },
    count: () => countOf(core),
    state: () => stateOf(core),
  }
}

export const baseSettings = (config: DetectionConfig): EffectiveSettings => ({
  enabled: true,
  disabledTypes: new Set(),
  degradationShare: config.degradationShare,
  errorSpikeMultiple: config.errorSpikeMultiple,
  exhaustionShare: config.exhaustionShare,
  sensitivity: config.sensitivity,
  thresholds: [],
  expressions: [],
})

const emptyColumns = (): Columns => ({
  track: new Int32Array(INITIAL_COLUMNS),
  value: new Float64Array(INITIAL_COLUMNS),
  count: 0,
})

function openCore(config: EngineConfig, deps: EngineDeps, stored: DetectionState | null): Core {
  const table = createTrackTable(stored?.table ?? createTrackTableState(), config.tracksMax)
  const settings = createSettingsTable(baseSettings(config), stored?.settings ?? new Map())
  const core: Core = {
    config,
    deps,
    table,
    settings,
    lookup: createSettingsLookup(settings, table),
    minutes: createMinutes(stored?.minutes ?? createMinuteState()),
    units: stored?.units ?? [],
    freeUnits: stored?.freeUnits ?? [],
    models: stored?.models ?? new Map(),
    seats: deps.detectors.map((create): Seat => ({ create, detector: create(config), failures: 0 })),
    baselines: deps.createBaselines(config),
    output: emptyOutput(),
    awaited: new Map(),
    processAt: new Map(),
    judged: { cadence: 'time', startMs: 0, endMs: 0 },
    judgedUnit: -1,
    reporting: null,
    reports: [],
    get context() {
      return context
    },
    get excursionDeps() {
      return excursionDeps
    },
    next: emptyColumns(),
    minute: emptyColumns(),
  }
  const context: DetectionContext = {
    tracks: table.tracks,
    processes: table.processes,
    get baselines() {
      return core.baselines
    },
    settings: (process) => core.lookup.of(process, core.judged.startMs),
    report: (finding) => takeFinding(core, finding),
  }
  const excursionDeps = excursionDepsOf(core)
  if (stored !== null) restore(core, stored)
  return core
}

function excursionDepsOf(core: Core): ExcursionDeps {
  const { table, minutes } = core
  return {
    wasJudged({ track }) {
      if (track === -1) return true
      if (core.judged.cadence === 'minute') return minutes.has(track)
      return table.state.lastBucketS[track] === Math.floor(core.judged.startMs / 1000)
    },
    isGone: ({ process }) => (table.state.flags[process]! & processFlag.gone) !== 0,
    isWanted: ({ type, process }) => isWanted(core, type, process),
    isHeldBack: (excursion, nowMs) => isHeldBack(core, eventOf(excursion, true, nowMs)),
    metric: (track) => table.tracks.metric(track),
    write(unit, excursion, phase, timeMs, ending) {
      const event = { phase, timeMs, ending }
      const { describe } = core.deps
      const { record, anomaly } = anomalyRecord({ table, baselines: core.baselines, describe }, unit, excursion, event)
      core.output.records.push(record)
      core.output.anomalies.push({ type: anomaly.type, severity: anomaly.severity, phase: anomaly.phase })
      if (phase !== AnomalyPhase.CHANGED) tellExcursion(core, eventOf(excursion, phase === AnomalyPhase.OPENED, timeMs))
    },
    dropped() {
      core.output.dropped.excursions += 1
    },
  }
}

function eventOf(excursion: Excursion, opened: boolean, timeMs: number): ExcursionEvent {
  const { type, process, track, rule, severity, startMs } = excursion
  return { type, process, track, rule, severity, startMs, opened, timeMs }
}

function isHeldBack(core: Core, event: ExcursionEvent): boolean {
  let held = false
  for (const seat of [...core.seats]) {
    ask(core, seat, (detector) => {
      held = detector.holdsBack?.(event) === true || held
    })
  }
  return held
}

function tellExcursion(core: Core, event: ExcursionEvent): void {
  for (const seat of [...core.seats]) ask(core, seat, (detector) => detector.onExcursion?.(event, core.context))
}

function restore(core: Core, stored: DetectionState): void {
  for (const seat of [...core.seats]) {
    const state = stored.detectors[seat.detector.type]
    if (state !== undefined) ask(core, seat, (detector) => detector.restore(state))
  }
  try {
    core.baselines.restore(stored.baselines)
  } catch (error) {
    core.output.failures.push({ detector: 'baselines', error: error as Error })
    core.baselines = core.deps.createBaselines(core.config)
  }
  const { processes } = core.table
  for (let process = 0; process < processes.size; process++) {
    if (processes.id(process) === '') continue
    core.processAt.set(processKey(processes.tenant(process), processes.id(process)), process)
    awaitModel(core, process)
  }
}

function addUnit(core: Core, key: string, tenant: string): number {
  const unit = core.freeUnits.pop() ?? core.units.length
  core.units[unit] = createUnitState(key, tenant)
  return unit
}

function forgetUnit(core: Core, unit: number): void {
  const state = unitOf(core, unit)
  endExcursions(core.excursionDeps, state, null, state.toldMs)
  endPoints(core, state, state.toldMs)
  endRuns(core, unit, state, state.toldMs)
  const { processUnit, processSize } = core.table.state
  for (let process = 0; process < processSize; process++) {
    if (processUnit[process] === unit) forgetProcess(core, process)
  }
  core.units[unit] = null
  core.freeUnits.push(unit)
}

function addProcess(core: Core, unit: number, id: string): number {
  const { tenant } = unitOf(core, unit)
  const process = core.table.addProcess(id, tenant, unit)
  if (process === -1) core.output.dropped.tracks += 1
  else {
    core.processAt.set(processKey(tenant, id), process)
    awaitModel(core, process)
  }
  return process
}

function forgetProcess(core: Core, process: number): void {
  const { table } = core
  const unit = table.processes.unit(process)
  const state = unitOf(core, unit)
  endExcursions(core.excursionDeps, state, process, state.toldMs)
  for (const track of table.tracksOf(process)) forgetTrack(core, track)
  for (const seat of [...core.seats]) ask(core, seat, (detector) => detector.forgetProcess?.(process))
  core.processAt.delete(processKey(table.processes.tenant(process), table.processes.id(process)))
  core.awaited.get(unit)?.delete(process)
  core.models.delete(process)
  core.lookup.forget(process)
  table.freeProcess(process)
}

function forgetTrack(core: Core, track: number): void {
  const { table } = core
  const unit = table.processes.unit(table.tracks.process[track]!)
  const state = unitOf(core, unit)
  endLesson(core, unit, state)
  endExcursionsOfTrack(core.excursionDeps, state, track, state.toldMs)
  core.minutes.forgetTrack(state, track)
  for (const seat of [...core.seats]) ask(core, seat, (detector) => detector.forgetTrack?.(track))
  core.baselines.forgetTrack(track)
  table.freeTrack(track)
}

function applySettings(core: Core, change: SettingsChange): void {
  if (!core.settings.apply(change)) {
    core.output.dropped.settings += 1
    return
  }
  core.output.settingsChanges += 1
  const process = core.processAt.get(processKey(change.tenant, change.process))
  if (change.change.case === 'forest' && process !== undefined) awaitModel(core, process)
}

function countOf(core: Core): EngineCounts {
  const openExcursions = new Map<string, number>(core.seats.map(({ detector }) => [detector.type, 0]))
  for (const unit of core.units) {
    for (const { id, type } of unit?.excursions.values() ?? []) {
      if (id !== '') openExcursions.set(type, (openExcursions.get(type) ?? 0) + 1)
    }
  }
  const { trackSize, trackProcess, trackKpi } = core.table.state
  let learningTracks = 0
  for (let track = 0; track < trackSize; track++) {
    if (trackProcess[track] === -1 || kpis[trackKpi[track]!]?.baseline === false) continue
    if (!core.baselines.isLearnt(track)) learningTracks += 1
  }
  return {
    units: core.units.length - core.freeUnits.length,
    processes: core.table.processCount,
    tracks: core.table.trackCount,
    learningTracks,
    openExcursions,
  }
}

function stateOf(core: Core): DetectionState {
  const detectors: Record<string, DetectorState> = {}
  for (const { detector } of core.seats) detectors[detector.type] = detector.state()
  return {
    table: core.table.state,
    units: core.units,
    freeUnits: core.freeUnits,
    minutes: core.minutes.state,
    settings: core.settings.state(),
    models: core.models,
    baselines: core.baselines.state(),
    detectors,
  }
}
