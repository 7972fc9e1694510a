import type { CheckStep, FlowItem, FlowStep, GridRun, LastRun, RunStatus } from '../api/flow-types.ts'
import type { Format } from '../format.ts'

/** A piece of a sentence; the numbers of a finding are strong. */
export interface Phrase {
  readonly text: string
  readonly strong?: boolean
}

export const statusWords: Readonly<Record<RunStatus, string>> = {
  pending: 'pending',
  running: 'running',
  success: 'success',
  failed: 'failed',
  timeout: 'timed out',
  cancelled: 'cancelled',
  skipped: 'not reached',
  interrupted: 'interrupted',
}

export const triggerWords: Readonly<Record<string, string>> = {
  button: 'by hand',
  schedule: 'on schedule',
  event: 'by an event',
  api: 'by API',
}

/** `0.64 s`, `6.87 s`, `41.2 s`, `2 min 24 s`: seconds throughout, so that times of steps can be compared. */
export function stepTime(ms: number | null | undefined, format: Format): { value: string; unit: string } | null {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return null
  if (ms >= 59_995) return { value: format.seconds(ms / 1000) ?? '', unit: '' }
  return format.number(Math.max(0, ms) / 1000, 's', ms < 9.5 ? 3 : ms < 9995 ? 2 : 1)
}
/** What is usual, in two digits: `3.1 s`, `0.6 s`, `0.08 s`, `12 s`. */
export function usualTime(ms: number | null | undefined, format: Format): { value: string; unit: string } | null {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return null
  if (ms >= 59_995) return stepTime(ms, format)
  const seconds = Number((Math.max(0, ms) / 1000).toPrecision(2))
  const digits = Math.min(3, /\.(\d+)$/.exec(seconds.toFixed(3).replace(/0+$/, ''))?.[1]?.length ?? 0)
  return format.number(seconds, 's', digits)
}
const usualText = (ms: number, format: Format): string => {
  const time = usualTime(ms, format)
  return time ? [time.value, time.unit].filter(Boolean).join(' ') : '–'
}
export const stepTimeText = (ms: number | null | undefined, format: Format): string => {
  const time = stepTime(ms, format)
  return time ? [time.value, time.unit].filter(Boolean).join(' ') : '–'
}

/** How long an attempt has gone on, and out of how many. The times stand apart, because they are counted live. */
export function attemptHead(step: CheckStep): string {
  return step.attemptsMax > 1 ? `Attempt ${Math.max(1, step.attempt)} of ${step.attemptsMax}` : 'Waiting for an answer'
}

/** The attempt that is being made now; null while the step waits between two. */
export function openAttempt(step: CheckStep): { readonly number: number; readonly startTime: string | null } | null {
  if (step.status !== 'running') return null
  const last = step.attempts.at(-1)
  if (last === undefined || last.attempt < step.attempt) {
    return { number: step.attempt, startTime: step.attempts.length === 0 ? step.startTime : null }
  }
  return last.status === 'running' ? { number: last.attempt, startTime: last.startTime } : null
}

/** What became of attempts that are over: `Attempt 1: status was 503, expected 200, after 2.90 s`. */
export function attemptWords(step: CheckStep, format: Format): string[] {
  return step.attempts
    .filter((one) => one.status !== 'running' && one.status !== 'success')
    .map((one) => {
      const what = one.errorMessage || one.reason.replaceAll('_', ' ') || statusWords[one.status]
      const again = one.attempt < Math.max(step.attempt, step.attempts.at(-1)?.attempt ?? 0) ? ', tried again' : ''
      return `Attempt ${one.attempt}: ${what.replace(/[.\s]+$/, '')}, after ${stepTimeText(one.executionTime, format)}${again}`
    })
}

const share = (ratio: number): string => {
  if (ratio >= 3) return `${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)} times as long`
  return ratio > 1 ? `${Math.round((ratio - 1) * 100)} % slower` : `${Math.round((1 - ratio) * 100)} % faster`
}
const lower = (name: string): string => (/^[A-Z][a-z]/.test(name) ? name[0]!.toLowerCase() + name.slice(1) : name)

const isFailure = (status: RunStatus): boolean => status === 'failed' || status === 'timeout'

/** How the last runs went, of those that came to an end by themselves. */
export function failuresWords(runs: readonly Pick<GridRun, 'status'>[]): string {
  const counted = runs.filter((run) => run.status === 'success' || isFailure(run.status))
  if (counted.length === 0) return ''
  const failed = counted.filter((run) => isFailure(run.status)).length
  if (failed === 0)
    return counted.length === 1 ? 'The only run so far succeeded.' : `All of the last ${counted.length} runs succeeded.`
  if (counted.length === 1) return 'The only run so far failed.'
  return failed === counted.length
    ? `All of the last ${counted.length} runs failed.`
    : `${failed} of the last ${counted.length} runs failed.`
}

interface FlowFinding {
  readonly steps: readonly FlowStep[]
  readonly runs: readonly GridRun[]
  readonly lastRun: LastRun | null
  readonly open: { readonly since: string } | null
  /** Its worst open anomaly in words, where there is one. */
  readonly reason: string | null
}

/** The median of what a step took in the newest of its drifting runs. */
function recentTime(runs: readonly GridRun[], stepNumber: number): number | null {
  const times = runs
    .slice(-8)
    .map((run) => run.steps[stepNumber - 1])
    .filter((step) => step?.status === 'success')
    .flatMap((step) => step?.executionTime ?? [])
    .sort((a, b) => a - b)
  return times[times.length >> 1] ?? null
}

/** The finding of a flow in one or two sentences, with numbers; what failed comes before what is slow. */
export function findingOf(flow: FlowFinding, format: Format): Phrase[] {
  const failures = failuresWords(flow.runs)
  const last = flow.lastRun
  if (last && isFailure(last.status))
    return [
      { text: `The last run ${last.status === 'timeout' ? 'timed out' : 'failed'}`, strong: true },
      { text: last.message ? `: ${last.message.replace(/[.\s]+$/, '')}.` : '.' },
      { text: failures ? ` ${failures}` : '' },
    ]
  const off = [...flow.steps]
    .filter((step) => Math.abs(step.score ?? 0) >= 2)
    .sort((a, b) => Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0))[0]
  const median = off?.normal?.median ?? null
  const usually = off ? recentTime(flow.runs, off.stepNumber) : null
  const lately = off ? recentTime(flow.runs.slice(-1), off.stepNumber) : null
  const isFar = (time: number | null): time is number =>
    time !== null && median !== null && median > 0 && Math.abs(time / median - 1) >= 0.1
  // What drifts since one run only is not seen in the middle of several.
  const recent = [usually, lately].find(isFar)
  if (off && median !== null && recent !== undefined)
    return [
      { text: `Step ${off.stepNumber}, ${lower(off.name)}, ${recent === usually ? 'takes' : 'took'} ` },
      { text: `${usualText(recent, format)} where ${usualText(median, format)} is normal`, strong: true },
      { text: ` (${share(recent / median)}). ${failures}` },
    ]
  if (flow.reason) return [{ text: flow.reason, strong: true }, { text: failures ? `. ${failures}` : '.' }]
  if (!last)
    return [{ text: flow.open ? 'Its first run is on the way.' : 'It was never run. Check runs it once, now.' }]
  const took = last.executionTime === null ? '' : ` in ${stepTimeText(last.executionTime, format)}`
  if (last.status === 'success')
    return [{ text: `The last run succeeded${took}. ${failures.startsWith('The only') ? '' : failures}`.trim() }]
  return [{ text: `The last run was ${statusWords[last.status]}. ${failures}`.trim() }]
}

/** Category, steps, schedule, owner: the quiet line beside the name. */
export function factsOf(
  flow: Pick<FlowItem, 'category' | 'owner'> & { readonly stepCount: number; readonly schedule: string },
): string {
  return [
    flow.category,
    `${flow.stepCount} ${flow.stepCount === 1 ? 'step' : 'steps'}`,
    flow.schedule,
    flow.owner ? `owner ${flow.owner}` : '',
  ]
    .filter(Boolean)
    .join(', ')
}

/** What kept a step from success, and the next step, always both. */
export function failureOf(step: CheckStep): { readonly what: string; readonly next: string } | null {
  if (step.status === 'success' || step.status === 'running' || step.status === 'pending') return null
  if (step.status === 'skipped')
    return { what: 'It was not reached: a step before it did not succeed.', next: 'Mend that one first.' }
  if (step.status === 'cancelled' && !step.errorMessage)
    return { what: 'It was cancelled.', next: 'Check runs the whole flow again, from its first step.' }
  if (step.status === 'interrupted' && !step.errorMessage)
    return {
      what: 'The service that ran it went away in the middle of it.',
      next: 'Whether it had an effect is not known. Look at its target before running it again.',
    }
  const word = (step.reason ?? '').replaceAll('_', ' ')
  return {
    what: step.errorMessage || (word ? `It failed: ${word}.` : 'It failed.'),
    next: step.hint || 'Look at the log of the step, then run the check again.',
  }
}
