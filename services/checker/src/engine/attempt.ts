import { type StepDefinition, timeoutSecondsOf } from '@driftline/checks/flow-definition'
import { type CheckTypeName, checkTypes } from '@driftline/checks/types/check-types'
import type { Assertion, Extraction } from '@driftline/checks/types/parts'
import { judge } from '../assess/assertions.ts'
import { type Extracted, extract } from '../assess/extract.ts'
import { fillTemplates, type TemplateValues } from '../assess/templates.ts'
import { type CheckAnswer, type CheckContext, CheckFailure, type CheckType } from '../check-type.ts'

/** Why an attempt is ended from outside. */
export type Cut = 'timeout' | 'flow_timeout' | 'cancelled' | 'interrupted'

export interface AttemptResult {
  readonly outcome: 'success' | 'failed' | Cut
  /** Null on success, and when somebody ended it. */
  readonly failure: CheckFailure | null
  readonly answer: CheckAnswer | null
  readonly values: readonly Extracted[]
  /** Time that the check itself took, without what we add. Milliseconds. */
  readonly checkMs: number
}

export interface AttemptInput {
  readonly step: StepDefinition
  readonly type: CheckType
  readonly values: TemplateValues
  /** Aborts with a `Cut` as its reason. */
  readonly signal: AbortSignal
  /** When the time of the whole flow is over; `performance.now()`. */
  readonly flowDeadlineMs: number
  readonly context: Pick<CheckContext, 'tenant' | 'process' | 'startedMs' | 'log' | 'mask' | 'secret'>
  /** What nobody foresaw, for the log of the service. */
  unexpected(error: unknown): void
}

/** How long a check that does not heed its signal is waited for. */
const GRACE_MS = 1000

/**
 * Asks the target once and judges what it answered. Never throws. What goes on after the end of the time is nobody's
 * any more: its answer is closed and nothing of it is heard.
 */
export async function runAttempt(input: AttemptInput): Promise<AttemptResult> {
  const limitMs = timeoutSecondsOf(input.step) * 1000
  const nowMs = performance.now()
  const deadlineMs = Math.min(nowMs + limitMs, input.flowDeadlineMs)
  const isFlows = input.flowDeadlineMs < nowMs + limitMs
  const end = endOf(input.signal, Math.max(0, deadlineMs - nowMs), isFlows ? 'flow_timeout' : 'timeout')
  let live = true
  const context: CheckContext = {
    ...input.context,
    signal: end.signal,
    deadlineMs,
    log: (text, level) => {
      if (live) input.context.log(text, level)
    },
  }
  const progress: Progress = { answer: null, checkMs: 0, live: () => live }
  try {
    const work = perform(input, context, progress)
    const result = await Promise.race([work, end.overdue.then(() => null)])
    if (end.cut() === null && result !== null) return result
    return cutShort(input, end.cut()!, result, progress)
  } finally {
    live = false
    end.dispose()
  }
}

interface Progress {
  answer: CheckAnswer | null
  checkMs: number
  live(): boolean
}

async function perform(input: AttemptInput, context: CheckContext, progress: Progress): Promise<AttemptResult> {
  const { step, type } = input
  let values: readonly Extracted[] = []
  let failure: CheckFailure | null = null
  try {
    const config = configOf(step, input.values)
    const answer = await ask(type, config, context, progress)
    if (!progress.live()) {
      await answer.close?.()
      throw new CheckFailure('timeout', 'It answered when nobody waited any more')
    }
    progress.answer = answer
    failure = await judge(answer, config.assertions)
    if (failure === null) values = await extract(answer, config.extract, context.secret)
  } catch (error) {
    failure = asFailure(error, input, context.signal)
  }
  return { outcome: outcomeOf(failure), failure, answer: progress.answer, values, checkMs: progress.checkMs }
}

/** A database ends a statement a little before we would, and says so: that is the end of the step's time as well. */
function outcomeOf(failure: CheckFailure | null): 'success' | 'failed' | 'timeout' {
  if (failure === null) return 'success'
  return failure.reason === 'timeout' ? 'timeout' : 'failed'
}

async function ask(type: CheckType, config: Judged, context: CheckContext, progress: Progress): Promise<CheckAnswer> {
  const startedMs = performance.now()
  try {
    return await type.run(config as never, context)
  } finally {
    progress.checkMs = performance.now() - startedMs
  }
}

/** Every type's configuration holds what `judged` says. */
interface Judged {
  readonly assertions: readonly Assertion[]
  readonly extract: Readonly<Record<string, Extraction>>
}

/** With templates filled in and defaults. Errors: CheckFailure. */
function configOf(step: StepDefinition, values: TemplateValues): Judged {
  const name: CheckTypeName = step.checkType
  const read = checkTypes[name].schema.safeParse(fillTemplates(name, step.checkConfiguration, values))
  if (read.success) return read.data
  const [issue] = read.error.issues
  const message = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`
  throw new CheckFailure('config_invalid', message, { hint: 'Look at what its templates stand for', retry: 'never' })
}

function asFailure(error: unknown, input: AttemptInput, signal: AbortSignal): CheckFailure {
  if (error instanceof CheckFailure) return error
  // What was interrupted may throw anything; that is no defect.
  if (!signal.aborted) input.unexpected(error)
  return new CheckFailure('internal', 'Something unexpected went wrong in Driftline', {
    hint: 'The log of the checker says more',
    retry: 'never',
  })
}

function cutShort(
  { step, unexpected }: AttemptInput,
  cut: Cut,
  result: AttemptResult | null,
  progress: Progress,
): AttemptResult {
  const { answer, checkMs } = progress
  const rest = { outcome: cut, answer, values: [], checkMs } as const
  if (result === null) unexpected(new Error(`a check of type ${step.checkType} did not end when its time was over`))
  if (cut === 'cancelled' || cut === 'interrupted') return { ...rest, failure: null }
  // The check may know better what it was waiting for.
  if (cut === 'timeout' && result?.failure?.reason === 'timeout') return { ...rest, failure: result.failure }
  const seconds = timeoutSecondsOf(step)
  const message = cut === 'timeout' ? `There was no answer within ${seconds} s` : 'The time of the whole flow was over'
  const hint = cut === 'timeout' ? 'Look at the target, or give the step more time' : 'Give the flow more time'
  return { ...rest, failure: new CheckFailure('timeout', message, { hint }) }
}

/** What ends an attempt from outside, and the first reason that did. */
function endOf(outer: AbortSignal, limitMs: number, limit: Cut) {
  const controller = new AbortController()
  let cut: Cut | null = null
  let grace: NodeJS.Timeout | undefined
  let giveUp: () => void = () => {}
  const overdue = new Promise<void>((resolve) => {
    giveUp = resolve
  })
  const stop = (why: Cut): void => {
    if (cut !== null) return
    cut = why
    grace = setTimeout(giveUp, GRACE_MS)
    controller.abort()
  }
  const onOuter = (): void => stop(outer.reason as Cut)
  const timer = setTimeout(() => stop(limit), limitMs)
  if (outer.aborted) onOuter()
  else outer.addEventListener('abort', onOuter, { once: true })
  return {
    signal: controller.signal,
    overdue,
    cut: (): Cut | null => cut,
    dispose(): void {
      clearTimeout(timer)
      clearTimeout(grace)
      outer.removeEventListener('abort', onOuter)
    },
  }
}
