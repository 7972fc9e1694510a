import { durationInWords, lastingInWords, shortNumber } from '../quantities.ts'
import type { RunFacts, StepFacts } from './run-facts.ts'

export interface SlowInWords {
  /** 0 for a whole run. */
  readonly number: number
  readonly name: string
  readonly durationMs: number
  readonly medianMs: number
  /** Whether it has not ended yet. */
  readonly isRunning: boolean
  readonly isOver: boolean
}

/** `Step 4, Posted to ledger, takes 9.4 s, 3 times what is usual (3.1 s)`. */
export function slowInWords({ number, name, durationMs, medianMs, isRunning, isOver }: SlowInWords): string {
  const what = number === 0 ? 'A run' : `Step ${number}, ${name},`
  const takes = isOver ? 'took' : isRunning ? 'has taken' : 'takes'
  const soFar = isRunning && !isOver ? ' so far' : ''
  return `${what} ${takes} ${durationInWords(durationMs)}${soFar}, ${timesInWords(durationMs / medianMs)} what is usual (${durationInWords(medianMs)})`
}

const TIMES_MAX = 1000

function timesInWords(times: number): string {
  if (!(times <= TIMES_MAX)) return `more than ${shortNumber(TIMES_MAX)} times`
  return `${times < 9.95 ? shortNumber(Number(times.toFixed(1))) : Math.round(times)} times`
}

const does = { failed: 'failed', timeout: 'timed out', interrupted: 'was interrupted' } as const

export type BadEnd = keyof typeof does

/** `Run failed at step 4, Posted to ledger: status was 503, expected 200; 3 runs in a row`. */
export function failedInWords({ message, steps }: RunFacts, end: BadEnd, failures: number): string {
  const step = badStepOf(steps, end)
  const at = step === undefined ? '' : ` at step ${step.number}, ${step.name}`
  const said = step?.message || message
  const again = failures > 1 ? `; ${failures} runs in a row` : ''
  return `Run ${does[end]}${at}${said === '' ? '' : `: ${said}`}${again}`
}

/** The step that ended the run; its own timeout may have, or the flow's. */
export const badStepOf = (steps: readonly StepFacts[], end: BadEnd): StepFacts | undefined =>
  steps.find(({ state }) => state === end) ?? steps.find(({ state }) => state === 'failed' || state === 'timeout')

/** `, since 14:02:10 UTC`; once it is over `, from 14:02:10 UTC; lasted 2 min`. */
export function sinceInWords(startMs: number, endMs: number | null, nowMs: number): string {
  const start = timeOf(startMs)
  if (start === null) return ''
  const clock = `${start.slice(0, 10) === timeOf(nowMs)?.slice(0, 10) ? '' : `${start.slice(0, 10)} `}${start.slice(11, 19)} UTC`
  return endMs === null ? `, since ${clock}` : `, from ${clock}; lasted ${lastingInWords(endMs - startMs)}`
}

function timeOf(timeMs: number): string | null {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
