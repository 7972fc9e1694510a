import { type RunEvent, RunStatus, type StepState } from '@driftline/proto'

export type RunState = 'running' | 'success' | 'failed' | 'timeout' | 'cancelled' | 'interrupted' | 'skipped'

/** What detection needs of a transition of a run. Times in milliseconds since the Unix epoch, durations likewise. */
export interface RunFacts {
  readonly run: string
  readonly revision: number
  readonly timeMs: number
  readonly state: RunState
  readonly version: number
  readonly startMs: number
  /** 0 while it lasts. */
  readonly endMs: number
  readonly durationMs: number
  readonly message: string
  readonly steps: readonly StepFacts[]
}

export interface StepFacts {
  readonly number: number
  readonly key: string
  readonly name: string
  readonly state: RunState
  readonly startMs: number
  /** 0 while it lasts. */
  readonly endMs: number
  readonly durationMs: number
  readonly message: string
}

const STEPS_MAX = 200
const TEXT_MAX = 300

const states: ReadonlyMap<RunStatus, RunState> = new Map([
  [RunStatus.RUNNING, 'running'],
  [RunStatus.SUCCESS, 'success'],
  [RunStatus.FAILED, 'failed'],
  [RunStatus.TIMEOUT, 'timeout'],
  [RunStatus.CANCELLED, 'cancelled'],
  [RunStatus.INTERRUPTED, 'interrupted'],
  [RunStatus.SKIPPED, 'skipped'],
])

/** Null for a run that has not begun, and for what cannot be placed in time. */
export function factsOfRun(event: RunEvent): RunFacts | null {
  const state = states.get(event.status)
  if (state === undefined || state === 'skipped' || event.run === '') return null
  const [startMs, endMs, timeMs] = [Number(event.startMs), Number(event.endMs), Number(event.timeMs)]
  if (![startMs, endMs, timeMs].every(isTime)) return null
  // One that has ended says when; what says neither cannot be placed in time.
  if ((state === 'running') === endMs > 0) return null
  return {
    run: event.run,
    revision: event.revision,
    timeMs,
    state,
    version: event.flowVersion,
    startMs,
    endMs,
    durationMs: event.executionTime * 1000,
    message: cut(event.message),
    steps: event.steps.slice(0, STEPS_MAX).flatMap(factsOfStep),
  }
}

function factsOfStep(step: StepState): StepFacts[] {
  const state = states.get(step.status)
  const { number, key, name, executionTime, errorMessage } = step
  const [startMs, endMs] = [Number(step.startMs), Number(step.endMs)]
  if (state === undefined || !isTime(startMs) || !isTime(endMs)) return []
  const durationMs = executionTime * 1000
  return [
    {
      number,
      key: key === '' ? `step_${number}` : key,
      name: cut(name),
      state,
      startMs: startMs > 0 || !(durationMs < endMs) ? startMs : endMs - durationMs,
      endMs,
      durationMs,
      message: cut(errorMessage),
    },
  ]
}

const LAST_MS = 8.64e15
const isTime = (timeMs: number): boolean => timeMs >= 0 && timeMs <= LAST_MS
const cut = (text: string): string => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…`.toWellFormed() : text)
