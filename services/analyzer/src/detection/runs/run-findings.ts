import { Severity } from '@driftline/proto'
import { type Core, unitOf } from '../engine-core.ts'
import type { UnitState } from '../unit-state.ts'
import { closeAnomaly, closeUnwanted, type RunEnding, type RunPlace, tellFinding } from './run-anomalies.ts'
import type { RunFacts, StepFacts } from './run-facts.ts'
import {
  createDurationMemory,
  createFlowMemory,
  type DurationMemory,
  type FlowMemory,
  learnDuration,
  type Normal,
  normalOf,
  type OpenRun,
} from './run-memory.ts'
import { type BadEnd, badStepOf, failedInWords, slowInWords } from './run-words.ts'

const STEPS_MAX = 128
/** Runs of one flow at once; the one that has been silent for longest goes. */
const OPEN_RUNS_MAX = 64
const ENDED_RUNS_MAX = 256
const HOUR = 3_600_000
/** What comes later than this after it happened is learnt from, and raises no alarm. */
const LATE_MS = HOUR
/** Nothing is said of a run that has been silent for longer than any may take. */
const OPEN_RUN_SILENT_MS = 25 * HOUR
/** The end of a step is heard of a moment after it: a tick that comes in between must not take it for slow. */
const GRACE_MS = 500
/** Without a run for so long, what was slow is no news, and neither is, much later, what failed. */
const SLOW_SILENT_MS = 2 * HOUR
const FAILED_SILENT_MS = 7 * 24 * HOUR

/** Takes a transition of a run in: what it says of steps that ended, and how the run ended. */
export function takeRun(core: Core, unit: number, process: number, facts: RunFacts, storedAtMs: number): void {
  const state = unitOf(core, unit)
  state.runs ??= createFlowMemory()
  const memory = state.runs
  const isLate = storedAtMs - (facts.endMs > 0 ? facts.endMs : facts.timeMs) > LATE_MS
  if (memory.endedRuns.includes(facts.run) || (isLate && facts.endMs === 0)) return
  const run = openRunOf(memory, facts)
  if (facts.revision <= run.revision) return
  run.revision = facts.revision
  run.startMs = facts.startMs
  run.heardMs = Math.max(run.heardMs, storedAtMs)
  const place: RunPlace = { core, unit, process, nowMs: facts.endMs > 0 ? facts.endMs : facts.timeMs }
  for (const step of facts.steps) takeStep(place, memory, run, step, isLate)
  if (facts.endMs > 0) endRun(place, memory, facts, isLate)
}

/** Time passes for runs by ticks alone: `heardMs` is how much of it passed since a moment while the product was up. */
export function passRunTime(
  core: Core,
  unit: number,
  process: number,
  nowMs: number,
  heardMs: (sinceMs: number) => number,
): void {
  const { runs } = unitOf(core, unit)
  if (runs === undefined) return
  const place: RunPlace = { core, unit, process, nowMs }
  for (const run of [...runs.openRuns]) {
    if (nowMs - run.heardMs > OPEN_RUN_SILENT_MS) runs.openRuns.splice(runs.openRuns.indexOf(run), 1)
    else judgeOpenRun(place, runs, run, heardMs)
  }
  const silentMs = runs.openRuns.length > 0 ? 0 : nowMs - runs.lastEndMs
  for (const each of runs.steps.values()) {
    each.slow = closeUnwanted(place, 'step_slow', each.slow)
    if (silentMs > SLOW_SILENT_MS) closeSlow(place, each, 'silent')
  }
  runs.total.slow = closeUnwanted(place, 'run_slow', runs.total.slow)
  if (silentMs > SLOW_SILENT_MS) closeSlow(place, runs.total, 'silent')
  runs.failed = closeUnwanted(place, 'run_failed', runs.failed)
  if (runs.failed !== null && silentMs > FAILED_SILENT_MS) runs.failed = closeAnomaly(place, runs.failed, 'silent')
}

/** Closes all, because the unit is about to be forgotten. */
export function endRuns(core: Core, unit: number, state: UnitState, nowMs: number): void {
  const { runs } = state
  if (runs === undefined) return
  const place: RunPlace = { core, unit, process: -1, nowMs }
  for (const each of runs.steps.values()) closeSlow(place, each, 'forgotten')
  closeSlow(place, runs.total, 'forgotten')
  if (runs.failed !== null) runs.failed = closeAnomaly(place, runs.failed, 'forgotten')
}

function openRunOf({ openRuns }: FlowMemory, { run, startMs }: RunFacts): OpenRun {
  const known = openRuns.find((each) => each.run === run)
  if (known !== undefined) return known
  const opened = { run, revision: 0, startMs, heardMs: Number.NEGATIVE_INFINITY, step: null, judged: [] }
  if (openRuns.length >= OPEN_RUNS_MAX) {
    const silent = openRuns.reduce((least, each) => (each.heardMs < least.heardMs ? each : least))
    openRuns.splice(openRuns.indexOf(silent), 1)
  }
  openRuns.push(opened)
  return opened
}

function takeStep(place: RunPlace, memory: FlowMemory, run: OpenRun, step: StepFacts, isLate: boolean): void {
  const { key, state, startMs } = step
  if (state === 'running') {
    if (!run.judged.includes(key)) run.step = { key, startMs }
  } else if (run.step?.key === key) run.step = null
  if (state === 'skipped') return
  const known = stepMemoryOf(memory, step)
  if (known === null || state === 'running' || state === 'cancelled' || state === 'interrupted') return
  if (run.judged.includes(key)) return
  run.judged.push(key)
  judge(place, { of: known, run: run.run, ...step, isSuccess: state === 'success', isLate })
}

/** A step that is new, or that has another name or place than before. */
function stepMemoryOf({ steps }: FlowMemory, { key, number, name }: StepFacts): DurationMemory | null {
  const known = steps.get(key)
  if (known !== undefined) {
    known.number = number
    known.name = name
    return known
  }
  if (steps.size >= STEPS_MAX) return null
  const memory = createDurationMemory(number, name)
  steps.set(key, memory)
  return memory
}

interface Ended {
  readonly of: DurationMemory
  /** Of a step; empty for a whole run. */
  readonly key: string
  readonly run: string
  readonly startMs: number
  readonly endMs: number
  readonly durationMs: number
  readonly isSuccess: boolean
  readonly isLate: boolean
}

/** Holds a duration against what was usual before it, and learns from it if it was a success. */
function judge(place: RunPlace, ended: Ended): void {
  const { of, endMs, durationMs, isSuccess, isLate } = ended
  const normal = normalOf(of)
  // What comes out of order is part of what is usual, and says nothing about now.
  if (endMs >= of.lastMs && !isLate && Number.isFinite(durationMs) && durationMs >= 0) {
    of.lastMs = endMs
    if (normal !== null && durationMs >= limitOf(of, normal)) tellSlow(place, ended, normal, false)
    else if (isSuccess) closeSlow(place, of, 'calm')
  }
  if (isSuccess) learnDuration(of, durationMs)
}

/** An excursion needs more to begin than to go on. */
const limitOf = ({ slow }: DurationMemory, { limitMs, openMs }: Normal): number => (slow === null ? openMs : limitMs)

function tellSlow(
  place: RunPlace,
  slow: Omit<Ended, 'isSuccess' | 'isLate'>,
  normal: Normal,
  isRunning: boolean,
): void {
  const { of, key, run, startMs, endMs, durationMs } = slow
  const { number, name } = of
  const { medianMs, limitMs, criticalMs, sigmaMs } = normal
  const isRun = key === ''
  const scale = isRun ? 1 : 1000
  const words = { number, name, durationMs, medianMs, isRunning }
  of.slow = tellFinding(place, of.slow, {
    type: isRun ? 'run_slow' : 'step_slow',
    rule: key,
    severity: durationMs >= criticalMs ? Severity.CRITICAL : Severity.WARNING,
    words: slowInWords({ ...words, isOver: false }),
    wordsOver: slowInWords({ ...words, isOver: true }),
    // The series that the checker publishes, so that their chart is that of the anomaly.
    metric: isRun ? 'execution_time' : 'flow.step.duration',
    attributes: isRun ? '' : JSON.stringify({ key, step: String(number) }),
    unit: isRun ? 'ms' : 's',
    value: durationMs / scale,
    expectedHigh: limitMs / scale,
    expectedCentre: medianMs / scale,
    score: (durationMs - medianMs) / sigmaMs,
    startMs,
    lastMs: endMs,
    isRunning,
    record: JSON.stringify({ checkId: run, ...(isRun ? {} : { stepNumber: number, stepName: name }) }),
  })
}

function closeSlow(place: RunPlace, of: DurationMemory, ending: RunEnding): void {
  if (of.slow !== null) of.slow = closeAnomaly(place, of.slow, ending)
}

/** Says of a step that still runs, or of a run, that it takes too long already. */
function judgeOpenRun(place: RunPlace, memory: FlowMemory, open: OpenRun, heardMs: (sinceMs: number) => number): void {
  const { run, step, startMs } = open
  const tell = (of: DurationMemory | undefined, key: string, sinceMs: number): void => {
    if (of === undefined || !(sinceMs > 0)) return
    const normal = normalOf(of)
    const durationMs = heardMs(sinceMs)
    if (normal === null || durationMs - GRACE_MS < limitOf(of, normal)) return
    tellSlow(place, { of, key, run, startMs: sinceMs, endMs: place.nowMs, durationMs }, normal, true)
  }
  if (step !== null) tell(memory.steps.get(step.key), step.key, step.startMs)
  if (!isStepSlow(memory)) tell(memory.total, '', startMs)
}

/** A run is slow because of a step: that says more. */
const isStepSlow = ({ steps }: FlowMemory): boolean => [...steps.values()].some(({ slow }) => slow !== null)

function endRun(place: RunPlace, memory: FlowMemory, facts: RunFacts, isLate: boolean): void {
  const { run, state, startMs, endMs, durationMs } = facts
  memory.openRuns.splice(
    memory.openRuns.findIndex((each) => each.run === run),
    1,
  )
  memory.endedRuns.push(run)
  if (memory.endedRuns.length > ENDED_RUNS_MAX) memory.endedRuns.shift()
  forgetOldSteps(place, memory, facts)
  if (state === 'success') {
    const of = memory.total
    const isExplained = of.slow === null && isStepSlow(memory)
    if (isExplained) learnDuration(of, durationMs)
    else judge(place, { of, key: '', run, startMs, endMs, durationMs, isSuccess: true, isLate })
  }
  // One that ended before another that is known says nothing about now.
  if (endMs < memory.lastEndMs) return
  memory.lastEndMs = endMs
  if (isLate) return
  if (state === 'success') {
    memory.failures = 0
    if (memory.failed !== null) memory.failed = closeAnomaly(place, memory.failed, 'calm')
  } else if (state === 'failed' || state === 'timeout' || state === 'interrupted')
    tellFailed(place, memory, facts, state)
}

function tellFailed(place: RunPlace, memory: FlowMemory, facts: RunFacts, end: BadEnd): void {
  // One that was interrupted is no verdict on what it checks: it does not count.
  if (end !== 'interrupted') memory.failures += 1
  const words = failedInWords(facts, end, memory.failures)
  const step = badStepOf(facts.steps, end)
  memory.failed = tellFinding(place, memory.failed, {
    type: 'run_failed',
    rule: '',
    severity: memory.failures > 1 ? Severity.CRITICAL : Severity.WARNING,
    words,
    wordsOver: words,
    metric: '',
    attributes: '',
    unit: '',
    value: Number.NaN,
    expectedHigh: Number.NaN,
    expectedCentre: Number.NaN,
    score: 0,
    startMs: facts.endMs,
    lastMs: facts.endMs,
    isRunning: false,
    record: JSON.stringify({
      checkId: facts.run,
      ...(step === undefined ? {} : { stepNumber: step.number, stepName: step.name }),
    }),
  })
}

/** The last event of a run has all steps: what it does not have is no step of the flow any more. */
function forgetOldSteps(place: RunPlace, memory: FlowMemory, { version, steps }: RunFacts): void {
  if (version < memory.version || steps.length === 0) return
  memory.version = version
  const keys = new Set(steps.map(({ key }) => key))
  for (const [key, each] of memory.steps) {
    if (keys.has(key)) continue
    closeSlow(place, each, 'gone')
    memory.steps.delete(key)
  }
}
