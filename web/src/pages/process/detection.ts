import type { FieldError } from '../../api/client.ts'
import type { DetectionSettings, Severity } from '../../api/types.ts'
import { kpiNames } from '../../charts/kpi-names.ts'
import { type ChartUnit, quantityOf } from '../../charts/units.ts'
import { plain } from '../../format.ts'

/** What people type for one of what is stored: pages show CPU in percent of a core, and nobody types bytes. */
interface TypedUnit {
  readonly unit: string
  readonly factor: number
}

const plainUnit: TypedUnit = { unit: '', factor: 1 }
const typedUnits: Readonly<Record<Exclude<ChartUnit, `in ${string}`>, TypedUnit>> = {
  cores: { unit: '% of a core', factor: 100 },
  share: { unit: '%', factor: 100 },
  bytes: { unit: 'MiB', factor: 1 / 2 ** 20 },
  byteRate: { unit: 'KB/s', factor: 1e-3 },
  rate: { unit: '/s', factor: 1 },
  milliseconds: { unit: 'ms', factor: 1 },
  seconds: { unit: 's', factor: 1 },
  count: { unit: '', factor: 1 },
  number: { unit: '', factor: 1 },
}

/** In what the limits of a KPI are typed; metrics of other names are typed as they are stored. */
export const typedUnitOf = (metric: string): TypedUnit => asTyped(kpiNames[metric.trim()]?.unit ?? 'number')

function asTyped(unit: ChartUnit): TypedUnit {
  return unit in typedUnits ? typedUnits[unit as keyof typeof typedUnits] : plainUnit
}

/** A stored limit as pages show such values. */
export function limitWords(metric: string, limit: number): string {
  const unit = kpiNames[metric]?.unit
  return unit === undefined ? String(limit) : plain(quantityOf(unit, limit))
}

/** The form: numbers as they are typed, shares in percent; an empty text is "as the installation has it". */
export interface Draft {
  enabled: boolean
  disabledTypes: string[]
  degradationPercent: string
  errorSpikeMultiple: string
  exhaustionPercent: string
  sensitivity: string
  thresholds: { metric: string; above: string; below: string; forSeconds: string; severity: Severity }[]
  expressions: { name: string; expression: string; severity: Severity }[]
}

const text = (value: number | undefined, factor = 1): string =>
  value === undefined ? '' : String(Number((value * factor).toPrecision(15)))

export function draftOf(settings: DetectionSettings): Draft {
  return {
    enabled: settings.enabled ?? true,
    disabledTypes: [...settings.disabledTypes],
    degradationPercent: text(settings.degradationShare, 100),
    errorSpikeMultiple: text(settings.errorSpikeMultiple),
    exhaustionPercent: text(settings.exhaustionShare, 100),
    sensitivity: text(settings.sensitivity),
    thresholds: settings.thresholds.map((one) => ({
      metric: one.metric,
      above: text(one.above, typedUnitOf(one.metric).factor),
      below: text(one.below, typedUnitOf(one.metric).factor),
      forSeconds: text(one.forSeconds),
      severity: one.severity,
    })),
    expressions: settings.expressions.map((one) => ({ ...one })),
  }
}

/** What the person has to mend before it can be sent, by the path of the field. */
export type Problems = ReadonlyMap<string, string>

interface Reading {
  readonly body: DetectionSettings
  readonly problems: Problems
}

/** The settings that a form means. A comma is read as a point: people type numbers as they write them. */
export function readDraft(draft: Draft): Reading {
  const problems = new Map<string, string>()
  const number = (path: string, typed: string, factor = 1): number | undefined => {
    const trimmed = typed.trim().replace(',', '.')
    if (trimmed === '') return undefined
    const value = Number(trimmed)
    if (Number.isFinite(value)) return Number((value / factor).toPrecision(12))
    problems.set(path, 'is no number')
    return undefined
  }
  const given = <Key extends string>(key: Key, value: number | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [K in Key]?: number }

  const body: DetectionSettings = {
    ...(draft.enabled ? {} : { enabled: false }),
    disabledTypes: [...draft.disabledTypes],
    ...given('degradationShare', number('degradationShare', draft.degradationPercent, 100)),
    ...given('errorSpikeMultiple', number('errorSpikeMultiple', draft.errorSpikeMultiple)),
    ...given('exhaustionShare', number('exhaustionShare', draft.exhaustionPercent, 100)),
    ...given('sensitivity', number('sensitivity', draft.sensitivity)),
    thresholds: draft.thresholds.map((one, i) => {
      const { factor } = typedUnitOf(one.metric)
      const above = number(`thresholds.${i}.above`, one.above, factor)
      const below = number(`thresholds.${i}.below`, one.below, factor)
      if (one.metric.trim() === '') problems.set(`thresholds.${i}.metric`, 'names no KPI or metric')
      if (one.above.trim() === '' && one.below.trim() === '')
        problems.set(`thresholds.${i}`, 'needs a limit above or below')
      const forSeconds = number(`thresholds.${i}.forSeconds`, one.forSeconds) ?? 0
      const limits = { ...given('above', above), ...given('below', below) }
      return { metric: one.metric.trim(), ...limits, forSeconds, severity: one.severity }
    }),
    expressions: draft.expressions.map((one, i) => {
      if (one.expression.trim() === '') problems.set(`expressions.${i}.expression`, 'is empty')
      return {
        name: one.name.trim() || one.expression.trim().slice(0, 60),
        expression: one.expression,
        severity: one.severity,
      }
    }),
  }
  return { body, problems }
}

/** What the server refused, by the path of the field. */
export function refusedBy(errors: readonly FieldError[]): Problems {
  return new Map(errors.map((error) => [error.parameter.replace(/^body\./, ''), error.reason]))
}

/** An expression with the place that is wrong marked: before, the place itself, after. Empty at its end: then a blank. */
export interface Marked {
  readonly before: string
  readonly wrong: string
  readonly after: string
}

export function markedAt(expression: string, error: Pick<FieldError, 'offset' | 'length'>): Marked | null {
  const { offset, length = 0 } = error
  if (offset === undefined || offset < 0 || offset > expression.length) return null
  const end = Math.min(expression.length, offset + Math.max(1, length))
  return {
    before: expression.slice(0, offset),
    wrong: expression.slice(offset, end) || ' ',
    after: expression.slice(end),
  }
}

/** What differs from the installation, in one sentence. */
export function settingsWords(settings: DetectionSettings): string {
  if (settings.enabled === false) return 'Not judged at all.'
  const words: string[] = []
  const count = (n: number, one: string, more: string) => `${n} ${n === 1 ? one : more}`
  if (settings.thresholds.length > 0) words.push(count(settings.thresholds.length, 'limit', 'limits'))
  if (settings.expressions.length > 0) words.push(count(settings.expressions.length, 'expression', 'expressions'))
  if (settings.disabledTypes.length > 0) words.push(`${count(settings.disabledTypes.length, 'type', 'types')} off`)
  if (settings.sensitivity !== undefined) words.push(`sensitivity ${settings.sensitivity}`)
  const own = [settings.degradationShare, settings.errorSpikeMultiple, settings.exhaustionShare]
  if (own.some((one) => one !== undefined)) words.push('bounds of its own')
  return words.length === 0 ? 'As everywhere.' : `${words.join(', ')}.`
}
