import type { DurationUnit, FormatSettings } from './log-format.ts'

/**
 * What a field means beside being a field. A duration's role is `duration` plus the place of its unit in
 * `unitsPerSecond`.
 */
export const role = { none: 0, time: 1, level: 2, severityNumber: 3, message: 4, status: 5, duration: 8 } as const

/** Units in one second, by what is added to `role.duration`; NaN: only values that name their unit (`12ms`). */
export const unitsPerSecond = Float64Array.of(1, 1e3, 1e6, 1e9, Number.NaN)
const UNIT_PLACE: Record<DurationUnit, number> = { s: 0, ms: 1, us: 2, ns: 3 }
const UNIT_IN_VALUE = 4

const TIME_NAMES = new Set([
  'time',
  'timestamp',
  '@timestamp',
  'ts',
  'datetime',
  'eventtime',
  'asctime',
  't.$date', // MongoDB
])
const LEVEL_NAMES = new Set([
  'level',
  'lvl',
  'severity',
  'log.level',
  'loglevel',
  'levelname',
  'severitytext',
  'priority',
])
const MESSAGE_NAMES = new Set(['msg', 'message', 'log', 'text', 'event.message', 'body', 'short_message'])
const STATUS_NAMES = new Set([
  'status',
  'status_code',
  'statuscode',
  'http.status',
  'http.status_code',
  'http.response.status_code',
  'res.statuscode',
  'response.status',
  'response.status_code',
  'http_status',
])
/** Names under which well-known loggers write a duration in a unit of their own. */
const DURATION_NAMES: Record<string, DurationUnit> = {
  request_time: 's',
  'http.server.request.duration': 's',
  responsetime: 'ms',
  'event.duration': 'ns',
}
const DURATION_STEM = /^(.*[._-])?(duration|elapsed|latency|took|(response|request|execution|processing)_?time)/
const SUFFIXES: [RegExp, DurationUnit][] = [
  [/_?(ms|millis|milliseconds|msec)$/, 'ms'],
  [/_?(us|micros|microseconds|usec)$/, 'us'],
  [/_?(ns|nanos|nanoseconds|nsec)$/, 'ns'],
  [/_(s|sec|secs|seconds)$|seconds$/, 's'],
]

/** The unit in which a field of this name counts a duration; null: it is a duration, in a unit that its values name. */
export function durationUnitOf(name: string): DurationUnit | null | undefined {
  const lower = name.toLowerCase()
  const known = DURATION_NAMES[lower]
  if (known !== undefined) return known
  if (!DURATION_STEM.test(lower)) return undefined
  return SUFFIXES.find(([suffix]) => suffix.test(lower))?.[1] ?? null
}

/** Answers the role of each name of a source: what its settings say, else what the name usually means. */
export function createRoles(settings: FormatSettings): (name: string) => number {
  const { timeField, levelField, durationField, durationUnit } = settings
  return (name) => {
    if (name === timeField) return role.time
    if (name === levelField) return role.level
    if (name === durationField) return role.duration + UNIT_PLACE[durationUnit ?? 's']
    const lower = name.toLowerCase()
    if (timeField === undefined && TIME_NAMES.has(lower)) return role.time
    if (levelField === undefined && LEVEL_NAMES.has(lower)) return role.level
    if (levelField === undefined && (lower === 'severitynumber' || lower === 'severity_number')) {
      return role.severityNumber
    }
    if (MESSAGE_NAMES.has(lower)) return role.message
    if (STATUS_NAMES.has(lower)) return role.status
    if (durationField !== undefined) return role.none
    const unit = durationUnitOf(name)
    if (unit === undefined) return role.none
    return role.duration + (unit === null ? UNIT_IN_VALUE : UNIT_PLACE[unit])
  }
}
