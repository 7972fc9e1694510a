import { createHash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import {
  compileExpression,
  type ExpressionMoment,
  type ExpressionProgram,
  type ExpressionState,
  type FlaggedRecord,
  FlaggedRecordSchema,
  parseExpression,
  Severity,
} from '@driftline/proto'
import type { RecordRule } from './definitions/record-rule.ts'

/** Answers a field of a record by its name; undefined where it has none. A text that reads as a number is one. */
export type FieldOf = (name: string) => number | string | undefined

export interface RuleProblem {
  /** Of the rule. */
  readonly index: number
  readonly rule: string
  /** For people: what is wrong with the expression. */
  readonly message: string
  /** Where in the expression, in UTF-16 code units. */
  readonly offset: number
  readonly length: number
}

/** Rules of one source, ready to judge records. */
export interface RecordRules {
  /** Rules that cannot be used; they flag nothing. */
  readonly problems: readonly RuleProblem[]
  /** Indexes of the rules that are true of a record. The answer is only good until the next call. */
  judge(fieldOf: FieldOf, process: string): readonly number[]
  /** The number that a rule compares first, of those that the record judged last has; null for none. */
  reading(rule: number): { readonly field: string; readonly value: number } | null
}

const SEVERITIES = { info: Severity.INFO, warning: Severity.WARNING, critical: Severity.CRITICAL } as const
const NONE: readonly number[] = []

interface Ready {
  readonly index: number
  readonly program: ExpressionProgram
  readonly state: ExpressionState
  readonly names: readonly string[]
}

export function createRecordRules(rules: readonly RecordRule[]): RecordRules {
  const problems: RuleProblem[] = []
  const ready: Ready[] = []
  for (const [index, rule] of rules.entries()) {
    const outcome = compileRule(rule)
    if ('problem' in outcome) problems.push({ index, rule: rule.name, ...outcome.problem })
    else ready.push({ index, ...outcome })
  }
  const fields = new FieldMap()
  const moment: ExpressionMoment = { nowMs: 0, staleMs: 0, process: '', attributes: fields }
  let hits: number[] = []
  return {
    problems,
    judge(fieldOf, process) {
      if (hits.length > 0) hits = []
      fields.fieldOf = fieldOf
      moment.process = process
      for (let at = 0; at < ready.length; at++) {
        const { index, program, state, names } = ready[at]!
        for (let name = 0; name < names.length; name++) state.values[name] = numberOf(fieldOf(names[name]!))
        if (program.evaluate(state, moment) === 1) hits.push(index)
      }
      fields.fieldOf = noField
      return hits.length === 0 ? NONE : hits
    },
    reading(rule) {
      const found = ready.find(({ index }) => index === rule)
      const first = found?.program.readings(found.state, moment).find(({ value }) => !Number.isNaN(value))
      return first === undefined ? null : { field: first.input.name, value: first.value }
    },
  }
}

const noField: FieldOf = () => undefined

/** Attributes are read from the record itself, without a copy of it. */
class FieldMap extends Map<string, string> {
  fieldOf: FieldOf = noField

  override get(key: string): string | undefined {
    const value = this.fieldOf(key)
    return value === undefined || typeof value === 'string' ? value : String(value)
  }
}

const DECIMAL = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i

/** Unknown is NaN. */
function numberOf(value: number | string | undefined): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN
  if (value === undefined || value.length > 40 || !DECIMAL.test(value)) return Number.NaN
  const number = Number(value)
  return Number.isFinite(number) ? number : Number.NaN
}

type Problem = Pick<RuleProblem, 'message' | 'offset' | 'length'>

function compileRule({ expression, unit }: RecordRule): Omit<Ready, 'index'> | { readonly problem: Problem } {
  const parsed = parseExpression(expression)
  if (!parsed.ok) return { problem: parsed.error }
  const whole = { offset: 0, length: expression.length }
  if (parsed.value.forMs > 0) {
    const message = '`for` asks how long something lasts, but a rule on records judges each record by itself'
    return { problem: { ...whole, message } }
  }
  // Every name is a field of the record, also one that is called like a KPI.
  const compiled = compileExpression(parsed.value, () => unit ?? '')
  if (!compiled.ok) return { problem: compiled.error }
  const program = compiled.value
  const state = program.createState()
  if (state.windows.length > 0) {
    const name = /\b(rate|delta|avg|min|max|sum|count|last|stddev)\s*\(/.exec(expression)
    const message = `\`${name?.[1] ?? 'rate'}\` looks back over a window, but a rule on records judges each record by itself`
    return { problem: { message, offset: name?.index ?? 0, length: name?.[1]?.length ?? expression.length } }
  }
  // All fields are those of the moment: nothing is ever too old.
  state.timesMs.fill(0)
  return { program, state, names: program.inputs.map(({ name }) => name) }
}

/** Where a record stands for which a rule was true. */
export interface FlaggedPlace {
  readonly tenant: string
  /** Id of the source. */
  readonly source: string
  readonly process: string
  /** Where in its source the record stands, such as `<file> <offset>`: the same for a repeat. */
  readonly position: string
  readonly timeMs: number
}

/** A record for which a rule was true. */
export interface FlaggedInput extends FlaggedPlace {
  /** The record as a JSON object. */
  readonly record: string
  readonly reading: { readonly field: string; readonly value: number } | null
}

const RECORD_BYTES_MAX = 16_384

/** What is published of a record that a rule flagged. */
export function flaggedRecord(rule: RecordRule, input: FlaggedInput): FlaggedRecord {
  const { tenant, source, process, position, timeMs, reading } = input
  return create(FlaggedRecordSchema, {
    tenant,
    process,
    id: flaggedId([tenant, source, position, rule.name]),
    timeMs: BigInt(Math.round(timeMs)),
    source,
    rule: rule.name,
    expression: rule.expression,
    severity: SEVERITIES[rule.severity],
    record: boundRecord(input.record),
    field: reading?.field ?? '',
    value: reading?.value ?? Number.NaN,
    unit: reading === null ? '' : (rule.unit ?? ''),
  })
}

/** Each part with its length, so that no two places give one id. */
function flaggedId(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return `fr_${hash.digest('hex').slice(0, 32)}`
}

/** One that is too long stays a JSON object: its beginning as a text. */
function boundRecord(record: string): string {
  if (Buffer.byteLength(record) <= RECORD_BYTES_MAX) return record
  let beginning = record.slice(0, RECORD_BYTES_MAX - 100)
  for (;;) {
    const text = JSON.stringify({ truncated: true, beginning })
    if (Buffer.byteLength(text) <= RECORD_BYTES_MAX) return text
    beginning = beginning.slice(0, Math.floor(beginning.length * 0.8))
  }
}

/** Keeps a rule that is true of everything from flooding people. */
export interface FlagLimit {
  /**
   * Whether this one is published by itself; what is not is counted for the summary of its minute. Ask before the
   * record is made into JSON.
   */
  admit(rule: RecordRule, place: FlaggedPlace): boolean
  /** Summaries of minutes that have ended, one per rule; with `isLast` of all: nothing more comes. */
  summaries(isLast?: boolean): FlaggedRecord[]
}

const PER_MINUTE = 60
const MINUTE_MS = 60_000
const PROCESSES_COUNTED = 100
const PROCESSES_NAMED = 5

interface Minute {
  startMs: number
  admitted: number
  left: number
  rule: RecordRule
  last: FlaggedPlace
  readonly processes: Map<string, number>
}

/** At most 60 records per rule and minute are published one by one; the rest is counted and told once a minute. */
export function createFlagLimit(clock: { nowMs(): number }): FlagLimit {
  const minutes = new Map<string, Minute>()
  const due: FlaggedRecord[] = []
  const close = (minute: Minute): void => {
    if (minute.left > 0) due.push(summaryOf(minute))
  }
  return {
    admit(rule, place) {
      const { tenant, source, process } = place
      const startMs = Math.floor(clock.nowMs() / MINUTE_MS) * MINUTE_MS
      const key = `${tenant} ${source} ${rule.name}`
      let minute = minutes.get(key)
      if (minute === undefined || minute.startMs !== startMs) {
        if (minute !== undefined) close(minute)
        minute = { startMs, admitted: 0, left: 0, rule, last: place, processes: new Map() }
        minutes.set(key, minute)
      }
      if (minute.admitted < PER_MINUTE) {
        minute.admitted += 1
        return true
      }
      minute.left += 1
      minute.last = place
      const { processes } = minute
      if (processes.has(process) || processes.size < PROCESSES_COUNTED) {
        processes.set(process, (processes.get(process) ?? 0) + 1)
      }
      return false
    },
    summaries(isLast = false) {
      const nowMs = clock.nowMs()
      for (const [key, minute] of minutes) {
        if (!isLast && nowMs < minute.startMs + MINUTE_MS) continue
        close(minute)
        minutes.delete(key)
      }
      return due.splice(0)
    },
  }
}

/** Told on the process that had most of them. */
function summaryOf({ startMs, left, rule, last, processes }: Minute): FlaggedRecord {
  const busiest = [...processes].sort((a, b) => b[1] - a[1])
  const record = JSON.stringify({
    summary: `${left} more records were flagged in this minute and are not shown one by one`,
    flagged: left,
    shown: PER_MINUTE,
    from: new Date(startMs).toISOString(),
    to: new Date(startMs + MINUTE_MS).toISOString(),
    processes: Object.fromEntries(busiest.slice(0, PROCESSES_NAMED)),
  })
  const process = busiest[0]?.[0] ?? last.process
  return flaggedRecord(rule, { ...last, process, position: `summary ${startMs}`, record, reading: null })
}
