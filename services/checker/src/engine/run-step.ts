import { create } from '@bufbuild/protobuf'
import { type StepDefinition, stepKey } from '@driftline/checks/flow-definition'
import { checkTypes } from '@driftline/checks/types/check-types'
import type { Json } from '@driftline/platform/metadata/tables'
import { RunStatus, type StepAttempt, StepAttemptSchema, type StepState, StepStateSchema } from '@driftline/proto'
import { boundMessage, boundResult, cutText, VALUE_CHARACTERS_MAX } from '../assess/bounds.ts'
import type { Extracted } from '../assess/extract.ts'
import { MASK, type Masker, maskJson } from '../assess/masking.ts'
import type { TemplateValues } from '../assess/templates.ts'
import { textOf } from '../assess/words.ts'
import { CheckFailure, type CheckType } from '../check-type.ts'
import { type AttemptResult, type Cut, runAttempt } from './attempt.ts'
import type { Evidence } from './evidence.ts'
import type { RunEvents } from './run-events.ts'

/** What a step needs of its run. */
export interface StepRun {
  readonly tenant: string
  readonly process: string
  readonly run: string
  readonly startedMs: number
  readonly values: TemplateValues
  readonly masker: Masker
  readonly events: RunEvents
  readonly evidence: Evidence
  readonly signal: AbortSignal
  readonly flowDeadlineMs: number
  /** Wall clock as the run sees it: it never goes back. */
  nowMs(): number
  /** From 0 up to 1. */
  random(): number
  unexpected(error: unknown): void
}

export interface StepOutcome {
  readonly status: RunStatus
  readonly message: string
  readonly values: readonly Extracted[]
  /** Seconds, all attempts and the waits between them. */
  readonly executionTime: number
  /** What we added to the time of the checks and of the waits between them. Seconds. */
  readonly overhead: number
}

/** Attempts after the first when the target could not be asked and the author said nothing. */
const RETRIES_BY_ITSELF = 3
const DELAY_MS_MAX = 600_000
const JITTER = 0.2
const CLOSE_WAITS_MS = 1000
const SCREENSHOT_WAITS_MS = 5000
const VALUES_SHOWN_MAX = 100

const statusOf: Record<AttemptResult['outcome'], RunStatus> = {
  success: RunStatus.SUCCESS,
  failed: RunStatus.FAILED,
  timeout: RunStatus.TIMEOUT,
  flow_timeout: RunStatus.TIMEOUT,
  cancelled: RunStatus.CANCELLED,
  interrupted: RunStatus.INTERRUPTED,
}

/** The state of a step before it begins. */
export function pendingStep(step: StepDefinition, number: number): StepState {
  return create(StepStateSchema, {
    number,
    key: stepKey(step, number),
    name: step.stepName,
    checkType: step.checkType,
    target: boundMessage(checkTypes[step.checkType].target(step.checkConfiguration)).slice(0, 500),
    status: RunStatus.PENDING,
    attemptsMax: 1 + (step.retryCount ?? RETRIES_BY_ITSELF),
  })
}

/** Runs a step: attempts one after the other until one succeeds, or no further one makes sense. Never throws. */
export async function runStep(
  run: StepRun,
  step: StepDefinition,
  number: number,
  type: CheckType,
): Promise<StepOutcome> {
  const startMs = run.nowMs()
  const started = performance.now()
  const attempts: StepAttempt[] = []
  let besides = 0
  run.events.enter(number)
  run.events.step(number, { status: RunStatus.RUNNING, attempt: 1, startMs: BigInt(startMs) }, startMs)
  for (let attempt = 1; ; attempt++) {
    const result = await oneAttempt(run, step, number, attempt, type, started, attempts)
    besides += result.checkMs
    const delayMs = delayBefore(run, step, attempt, result)
    const isLast = delayMs === null
    const hasEvidence = await settle(run, number, attempt, result, isLast)
    if (hasEvidence) run.events.step(number, { hasEvidence: true }, run.nowMs())
    if (isLast) return endStep(run, number, result, started, besides)
    say(run, number, attempt, started, 'warn', `${result.failure!.message}; another attempt in ${seconds(delayMs)} s`)
    const cut = await wait(delayMs, run.signal)
    if (cut !== null)
      return endStep(run, number, { ...result, outcome: cut, failure: null }, started, besides + delayMs)
    besides += delayMs
    run.events.step(number, { attempt: attempt + 1 }, run.nowMs())
  }
}

async function oneAttempt(
  run: StepRun,
  step: StepDefinition,
  number: number,
  attempt: number,
  type: CheckType,
  started: number,
  attempts: StepAttempt[],
): Promise<AttemptResult> {
  const { tenant, process, masker } = run
  const attemptStarted = performance.now()
  const startMs = BigInt(run.nowMs())
  const result = await runAttempt({
    step,
    type,
    values: run.values,
    signal: run.signal,
    flowDeadlineMs: run.flowDeadlineMs,
    unexpected: run.unexpected,
    context: {
      tenant,
      process,
      startedMs: run.startedMs,
      log: (text, level = 'info') => say(run, number, attempt, started, level, text),
      mask: (text) => masker.mask(text),
      secret: (text) => masker.add(text),
    },
  })
  const { failure, outcome } = result
  attempts.push(
    create(StepAttemptSchema, {
      attempt,
      status: statusOf[outcome],
      startMs,
      executionTime: (performance.now() - attemptStarted) / 1000,
      reason: failure?.reason ?? '',
      errorMessage: boundMessage(masker.mask(failure?.message ?? '')),
    }),
  )
  run.events.step(number, { attempts: [...attempts] }, run.nowMs())
  return result
}

/** Milliseconds until another attempt; null when this was the last one. */
export function delayBefore(
  run: Pick<StepRun, 'signal' | 'flowDeadlineMs' | 'random'>,
  step: Pick<StepDefinition, 'retryCount' | 'retryDelaySeconds'>,
  attempt: number,
  { outcome, failure }: Pick<AttemptResult, 'outcome' | 'failure'>,
): number | null {
  if (failure === null || run.signal.aborted || (outcome !== 'failed' && outcome !== 'timeout')) return null
  if (failure.retry === 'never') return null
  const retries = step.retryCount ?? (failure.retry === 'always' ? RETRIES_BY_ITSELF : 0)
  if (attempt > retries) return null
  const backoffMs = step.retryDelaySeconds * 1000 * 2 ** (attempt - 1)
  const jittered = backoffMs * (1 - JITTER + 2 * JITTER * run.random())
  const delayMs = Math.min(Math.max(jittered, failure.retryAfterMs), DELAY_MS_MAX)
  // Waiting until the flow's time is over would only hide why the step failed.
  return performance.now() + delayMs < run.flowDeadlineMs ? delayMs : null
}

/** Keeps evidence of a failure and frees what the answer holds. Answers whether there is evidence. */
async function settle(
  run: StepRun,
  number: number,
  attempt: number,
  { answer, failure }: AttemptResult,
  isLast: boolean,
): Promise<boolean> {
  if (answer === null) return false
  const { tenant, process } = run
  const place = { tenant, process, run: run.run, stepNumber: number, attempt, timeMs: run.nowMs() }
  let kept = false
  try {
    if (failure !== null && answer.body !== undefined) kept = run.evidence.body(place, answer.body, run.masker)
    if (failure !== null && isLast && answer.screenshot !== undefined) {
      const picture = await within(SCREENSHOT_WAITS_MS, answer.screenshot())
      if (picture) kept = run.evidence.screenshot(place, picture) || kept
    }
  } catch (error) {
    run.unexpected(error)
  }
  try {
    await within(CLOSE_WAITS_MS, answer.close?.())
  } catch (error) {
    run.unexpected(error)
  }
  return kept
}

/** Null when it takes longer; what it answers later is passed over. */
async function within<T>(ms: number, work: Promise<T> | undefined): Promise<T | null> {
  if (work === undefined) return null
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function endStep(run: StepRun, number: number, result: AttemptResult, started: number, besidesMs: number): StepOutcome {
  const { masker, events } = run
  const status = statusOf[result.outcome]
  const failure = result.failure
  const elapsedMs = performance.now() - started
  const executionTime = elapsedMs / 1000
  const mask = (text: string): string => masker.mask(text)
  const endMs = run.nowMs()
  const message = boundMessage(mask(failure?.message ?? ''))
  const change: Partial<StepState> = {
    status,
    endMs: BigInt(endMs),
    executionTime,
    reason: failure?.reason ?? (status === RunStatus.SUCCESS ? '' : result.outcome),
    errorMessage: message,
    hint: boundMessage(mask(failure?.hint ?? '')),
    result: result.answer === null ? '' : resultOf(result.answer.result, mask),
    values: shownValues(result.values, mask),
  }
  const level = status === RunStatus.SUCCESS ? 'info' : 'error'
  const number_ = events.stepAt(number).attempt
  say(
    run,
    number,
    number_,
    started,
    level,
    message === '' ? `${result.outcome} after ${seconds(elapsedMs)} s` : message,
  )
  events.step(number, change, endMs)
  return { status, message, values: result.values, executionTime, overhead: Math.max(0, elapsedMs - besidesMs) / 1000 }
}

function resultOf(result: { readonly [name: string]: Json }, mask: (text: string) => string): string {
  try {
    return boundResult(maskJson(result, mask))
  } catch {
    // A result that is no JSON is a defect of its type, and no reason for a run to end.
    return '{}'
  }
}

function shownValues(values: readonly Extracted[], mask: (text: string) => string): StepState['values'] {
  return values.slice(0, VALUES_SHOWN_MAX).map(({ name, value, secret }) => ({
    $typeName: 'driftline.v1.StepValue',
    name,
    value: secret ? MASK : cutText(mask(textOf(value)).toWellFormed(), VALUE_CHARACTERS_MAX),
    secret,
  }))
}

function say(run: StepRun, stepNumber: number, attempt: number, started: number, level: string, text: string): void {
  const elapsed = (performance.now() - started) / 1000
  run.events.line({ stepNumber, attempt, timeMs: run.nowMs(), elapsed, level, text })
}

const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 0)

/** Why the wait was ended; null when it was not. */
function wait(ms: number, signal: AbortSignal): Promise<Cut | null> {
  if (signal.aborted) return Promise.resolve(signal.reason as Cut)
  return new Promise((resolve) => {
    const done = (cut: Cut | null): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(cut)
    }
    const onAbort = (): void => done(signal.reason as Cut)
    const timer = setTimeout(() => done(null), ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** A type that this installation does not have. */
export function missingType(name: string): CheckType {
  return {
    name: name as CheckType['name'],
    run: async () => {
      throw new CheckFailure('config_invalid', `This checker has no checks of type ${name}`, { retry: 'never' })
    },
  }
}
