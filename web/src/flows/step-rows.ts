import type { Check, CheckStep, FlowItem, FlowStep, RunStatus, StepDefinition } from '../api/flow-types.ts'
import type { DriftLine } from '../drift/lines.ts'
import { emptyLine } from '../drift/lines.ts'

/** A step as the timeline shows it: of the run that is looked at, or of the definition before the first run. */
export interface StepRow {
  readonly number: number
  readonly name: string
  readonly checkType: string
  readonly target: string
  readonly status: RunStatus
  /** Of the run; null before the first one. */
  readonly step: CheckStep | null
  /** Milliseconds. */
  readonly normal: number | null
  readonly spread: number | null
  readonly score: number | null
  readonly line: DriftLine
}

/** A drift line of evenly spaced minutes, as the API answers it. */
function lineOf(step: FlowStep | undefined): DriftLine {
  const drift = step?.drift
  if (!drift || drift.values.length === 0) return emptyLine
  return {
    endsAtMs: Date.parse(drift.from) + (drift.values.length - 1) * drift.stepSeconds * 1000,
    deviations: drift.values,
  }
}

interface RowSources {
  readonly check: Check | null
  readonly definition: readonly StepDefinition[]
  readonly item: FlowItem | null
  readonly usual: readonly FlowStep[]
}

export function rowsOf({ check, definition, item, usual }: RowSources): StepRow[] {
  const byNumber = new Map(usual.map((one) => [one.stepNumber, one]))
  const row = (number: number, name: string, checkType: string, target: string, step: CheckStep | null): StepRow => {
    const normal = byNumber.get(number)
    return {
      number,
      name,
      checkType,
      target,
      status: step?.status ?? 'pending',
      step,
      normal: normal?.normal?.median ?? null,
      spread: normal?.normal?.spread ?? null,
      score: normal?.score ?? null,
      line: lineOf(normal),
    }
  }
  if (check && check.steps.length > 0)
    return check.steps.map((step) => row(step.stepNumber, step.name, step.checkType, targetWords(step.target), step))
  return definition.map((step, at) =>
    row(at + 1, step.stepName, step.checkType, targetWords(item?.steps[at]?.target ?? ''), null),
  )
}

/** The step that somebody wants to see without having chosen one: what runs, what failed, else what came last. */
export function stepInFocus(rows: readonly StepRow[]): number {
  const found =
    rows.find((row) => row.status === 'running') ??
    rows.find((row) => row.status === 'failed' || row.status === 'timeout' || row.status === 'interrupted') ??
    rows.find((row) => row.status === 'cancelled') ??
    rows.findLast((row) => row.status === 'success')
  return found?.number ?? rows[0]?.number ?? 0
}

/** How far a time is from normal, in robust standard deviations; null where nothing is known. Milliseconds. */
export function deviationOf(timeMs: number | null, row: Pick<StepRow, 'normal' | 'spread'>): number | null {
  if (timeMs === null || row.normal === null || row.spread === null) return null
  return (timeMs - row.normal) / Math.max(row.spread, row.normal * 0.05, 1)
}

/** Templates as people read them: `{{demo.url}}/orders/{{steps.order.id}}` is `demo/orders/{id}`. */
export const targetWords = (target: string): string =>
  target
    .replace(/\{\{\s*(product|demo)\.url\s*\}\}/g, '$1')
    .replace(/\{\{\s*steps\.[^.}]+\.([^}\s]+)\s*\}\}/g, '{$1}')
    .replace(/\{\{\s*([^}\s]+)\s*\}\}/g, '{$1}')

const comparisonWords: Readonly<Record<string, string>> = {
  equals: 'is',
  not_equals: 'is not',
  less_than: 'is less than',
  at_most: 'is at most',
  more_than: 'is more than',
  at_least: 'is at least',
  contains: 'contains',
  not_contains: 'does not contain',
  matches: 'matches',
  not_matches: 'does not match',
  exists: 'exists',
  missing: 'is missing',
  one_of: 'is one of',
}

const plainValue = (value: unknown): string =>
  Array.isArray(value) ? value.map(plainValue).join(', ') : value === null ? 'null' : String(value)

/** What a step asserts, in words: `status is 201`, `json $.journal.id exists`. */
export function assertionWords(config: Readonly<Record<string, unknown>>): string[] {
  const list = config['assertions']
  if (!Array.isArray(list)) return []
  return list.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return []
    const { of, path, is, value } = one as Record<string, unknown>
    const subject = [of, path].filter((part) => typeof part === 'string').join(' ')
    const verb = comparisonWords[String(is)] ?? String(is)
    return is === 'exists' || is === 'missing'
      ? `${subject} ${verb}`
      : `${subject} ${verb} ${targetWords(plainValue(value))}`
  })
}

export const comparisons = Object.entries(comparisonWords).map(([value, name]) => ({ value, name }))
