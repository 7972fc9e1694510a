import { kpis, parseProcessId, type Severity } from '@driftline/proto'
import { durationInWords, lastingInWords, quantity, shortNumber } from './quantities.ts'

/** An anomaly as it stands, for its description. Times in milliseconds since the Unix epoch; NaN where unknown. */
export interface DescribedAnomaly {
  readonly type: string
  /** Process id. */
  readonly process: string
  /** KPI or metric; empty when it is about the process as a whole. */
  readonly metric: string
  /** Canonical attributes of a plain series. */
  readonly attributes?: string
  /** Number of the KPI; -1 for none. */
  readonly kpi: number
  /** UCUM. */
  readonly unit: string
  readonly value: number
  /** The value farthest from normal so far: told once the excursion is over. */
  readonly worstValue?: number
  readonly expectedLow: number
  readonly expectedHigh: number
  readonly centre: number
  readonly score: number
  readonly severity: Severity
  readonly startMs: number
  /** NaN while it lasts. */
  readonly endMs: number
  /** Event time of the description. */
  readonly atMs: number
  readonly exhaustedAtMs?: number
  readonly rule?: string
  readonly words?: string
  readonly contributions?: readonly { readonly metric: string; readonly share: number }[]
  /** The baseline follows the hours of the week. */
  readonly hasSeason: boolean
  /** The level lasted until it became the new normal. */
  readonly isLearnt?: boolean
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
/** Ratios beyond this, or below its inverse, are no help to anyone. */
const RATIO_MAX = 100
const FRACTIONS = [
  [0.5, 'half of'],
  [1 / 3, 'a third of'],
  [0.25, 'a quarter of'],
  [0.2, 'a fifth of'],
  [0.1, 'a tenth of'],
] as const
/** Units whose zero is not nothing: twice of them means nothing. */
const NO_RATIO = /^(Cel|\[degF\]|K|deg|dB.*|\[pH\]|pH)$/
const SHARES: ReadonlySet<string> = new Set(['success_rate', 'error_rate'])

/** One sentence for people: what is how far from which normal since when. Times of day are UTC, and say so. */
export function describe(anomaly: DescribedAnomaly): string {
  const sentence = writers[anomaly.type] ?? relative
  return `${sentence(anomaly)}${ending(anomaly)}`
}

type Writer = (anomaly: DescribedAnomaly) => string

const writers: Readonly<Record<string, Writer>> = {
  performance_degradation: relative,
  error_spike: relative,
  level: relative,
  level_shift: relative,
  streaming: (anomaly) => streaming(anomaly),
  resource_exhaustion: (anomaly) => exhaustion(anomaly),
  threshold: (anomaly) => threshold(anomaly),
  expression: (anomaly) => expression(anomaly),
  missing_data: (anomaly) => missing(anomaly),
  process_death: (anomaly) => ofProcess(anomaly, isOver(anomaly) ? 'was gone' : 'is gone'),
  restart_loop: (anomaly) => ofProcess(anomaly, isOver(anomaly) ? 'kept restarting' : 'keeps restarting'),
  flapping: (anomaly) => flapping(anomaly),
  isolation_forest: (anomaly) => together(anomaly),
}

/** `nginx on web-1`, `host web-1`, `press-3 at plant-a`, `log payments`. */
export function processInWords(id: string): string {
  const { kind, names } = parseProcessId(id)
  const [first = '', ...rest] = names
  if (kind === 'os' && rest.length > 0) return `${rest.join(' ')} on ${first}`
  if (kind === 'device' && rest.length > 0) return `${rest.join(' ')} at ${first}`
  if (names.length === 0) return id
  return kind === 'device' ? first : `${kind} ${names.join(' ')}`
}

const LAST_MS = 8.64e15
const isDate = (ms: number): boolean => Math.abs(ms) <= LAST_MS
const isOver = ({ endMs }: DescribedAnomaly): boolean => isDate(endMs)

/** What a value is called; KPIs that are shares of a limit are called as what they are a share of. */
function labelOf({ kpi, metric, attributes }: DescribedAnomaly): string {
  const known = kpis[kpi]
  if (known) return known.label
  const of = attributesInWords(attributes ?? '')
  return of === '' ? metric : `${metric} (${of})`
}

function attributesInWords(attributes: string): string {
  if (attributes === '' || attributes === '{}') return ''
  try {
    const parsed: unknown = JSON.parse(attributes)
    if (typeof parsed !== 'object' || parsed === null) return ''
    return Object.entries(parsed)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ')
  } catch {
    return ''
  }
}

const isPlural = (label: string): boolean => label === 'Instances'

function be(anomaly: DescribedAnomaly): string {
  const plural = isPlural(labelOf(anomaly))
  if (isOver(anomaly)) return plural ? 'were' : 'was'
  return plural ? 'are' : 'is'
}

const subjectOf = (anomaly: DescribedAnomaly): string =>
  anomaly.metric === '' ? processInWords(anomaly.process) : `${labelOf(anomaly)} of ${processInWords(anomaly.process)}`

const isShare = ({ kpi, metric }: DescribedAnomaly): boolean =>
  (kpi >= 0 && kpis[kpi]?.unit === '1') || /(utilization|share|ratio|percentage)$/.test(metric)

function amount(anomaly: DescribedAnomaly, value: number): string {
  // People count instances with bare numbers: "Instances are 12".
  return anomaly.unit === '{process}' ? shortNumber(value) : quantity(value, anomaly.unit, isShare(anomaly))
}

const told = ({ value, worstValue, endMs }: DescribedAnomaly): number =>
  isDate(endMs) && worstValue !== undefined && Number.isFinite(worstValue) ? worstValue : value

function relative(anomaly: DescribedAnomaly): string {
  const value = told(anomaly)
  const subject = subjectOf(anomaly)
  if (!Number.isFinite(value)) return `${subject} ${be(anomaly)} unusual${wordsOf(anomaly, ': ')}`
  return `${subject} ${be(anomaly)} ${amount(anomaly, value)}${comparison(anomaly, value)}`
}

function comparison(anomaly: DescribedAnomaly, value: number): string {
  const { centre } = anomaly
  if (!Number.isFinite(centre)) return wordsOf(anomaly, ', ')
  const usual = amount(anomaly, centre)
  if (centre === 0 || /^0( |$)/.test(usual)) return `, usually 0${whenUsual(anomaly)}`
  return `, ${ratio(anomaly, value)} what is usual${whenUsual(anomaly)} (${usual})`
}

function ratio({ unit, metric, kpi, centre }: DescribedAnomaly, value: number): string {
  const side = value > centre ? 'above' : 'below'
  if (NO_RATIO.test(unit) || centre <= 0 || value < 0) return side
  const times = value / centre
  const ofShare = kpi >= 0 && SHARES.has(metric)
  if (times > RATIO_MAX || times < 1 / RATIO_MAX) return `far ${side}`
  if (Math.abs(times - 1) < 0.05 || (ofShare && times < 1)) return side
  if (times > 1) return `${times < 9.95 ? shortNumber(Number(times.toFixed(1))) : Math.round(times)} times`
  const named = FRACTIONS.find(([share]) => Math.abs(times / share - 1) < 0.07)
  return named ? named[1] : `${Math.round(times * 100)} % of`
}

/** The season's part of what is usual: ` on a Tuesday at 14:00`. */
function whenUsual({ hasSeason, startMs }: DescribedAnomaly): string {
  if (!hasSeason || !isDate(startMs)) return ''
  const start = new Date(startMs)
  return ` on a ${WEEKDAYS[start.getUTCDay()]} at ${String(start.getUTCHours()).padStart(2, '0')}:00`
}

function streaming(anomaly: DescribedAnomaly): string {
  const value = told(anomaly)
  if (anomaly.words !== undefined || !Number.isFinite(value)) return relative({ ...anomaly, centre: Number.NaN })
  const is = `${subjectOf(anomaly)} ${be(anomaly)} ${amount(anomaly, value)}`
  const { expectedLow: low, expectedHigh: high } = anomaly
  if (Number.isFinite(low) && Number.isFinite(high) && (value < low || value > high)) {
    return `${is}, expected ${amount(anomaly, low)} to ${amount(anomaly, high)}`
  }
  if (Number.isFinite(anomaly.centre)) return `${is}${comparison(anomaly, value)}`
  return `${is}, which does not go on as it was`
}

const RESOURCES: Readonly<Record<string, string>> = {
  cpu_share: 'CPU',
  memory_share: 'Memory',
  io_share: 'Disk',
  network_share: 'Network',
}

/** How the words of a group end that uses up its host's resource, not its own limit. */
const HOST_FULL = 'which is at its limit'

function exhaustion(anomaly: DescribedAnomaly): string {
  const { metric, process, words, exhaustedAtMs } = anomaly
  const value = told(anomaly)
  const resource = RESOURCES[metric] ?? labelOf(anomaly)
  if (words?.endsWith(HOST_FULL)) {
    const said = isOver(anomaly) ? words.replace(HOST_FULL, 'which was at its limit') : words
    return `${resource} of ${processInWords(process)} ${be(anomaly)} ${said}`
  }
  const at = Number.isFinite(value) ? `at ${quantity(value, '1', true)} of its limit` : 'near its limit'
  const limit = words === undefined || words === '' ? '' : ` (${words})`
  const aheadMs = isDate(exhaustedAtMs ?? Number.NaN) ? exhaustedAtMs! - anomaly.atMs : 0
  const forecast =
    aheadMs > 0 && isDate(aheadMs) && !isOver(anomaly) ? `, which it reaches in ${lastingInWords(aheadMs)}` : ''
  return `${resource} of ${processInWords(process)} ${be(anomaly)} ${at}${limit}${forecast}`
}

function threshold(anomaly: DescribedAnomaly): string {
  const { expectedLow, expectedHigh } = anomaly
  const value = told(anomaly)
  const side = Number.isFinite(expectedHigh) ? 'above' : 'below'
  const limit = side === 'above' ? expectedHigh : expectedLow
  const is = `${subjectOf(anomaly)} ${be(anomaly)} ${Number.isFinite(value) ? `${amount(anomaly, value)}, ` : ''}`
  return Number.isFinite(limit) ? `${is}${side} the limit of ${amount(anomaly, limit)}` : `${is}beyond its limit`
}

function expression(anomaly: DescribedAnomaly): string {
  const { process, rule = '', words = '' } = anomaly
  const said = words === '' ? `${rule === '' ? 'a rule' : rule} is true` : words
  const named = rule === '' || said.startsWith(rule) ? '' : `${rule}: `
  return `${processInWords(process)}: ${named}${said}`
}

/** `value` is how long nothing came and `centre` the usual time between two messages, both in `unit`, else seconds. */
function missing(anomaly: DescribedAnomaly): string {
  const { process, metric, unit, value, centre } = anomaly
  const what = metric === '' ? processInWords(process) : `${labelOf(anomaly)} of ${processInWords(process)}`
  const has = isOver(anomaly) ? 'sent' : 'has sent'
  const milliseconds = unit === 'ms' ? 1 : 1000
  const silentMs = isOver(anomaly) ? anomaly.endMs - anomaly.startMs : value * milliseconds
  const lasted = silentMs > 0 && isDate(silentMs) ? ` for ${lastingInWords(silentMs)}` : ''
  const usually =
    centre > 0 && isDate(centre * milliseconds)
      ? `; it usually sends every ${durationInWords(centre * milliseconds)}`
      : ''
  return `${what} ${has} nothing${lasted}${usually === '' ? wordsOf(anomaly, '; ') : usually}`
}

const ofProcess = (anomaly: DescribedAnomaly, does: string): string =>
  `${processInWords(anomaly.process)} ${does}${wordsOf(anomaly, ': ')}`

function flapping(anomaly: DescribedAnomaly): string {
  const does = isOver(anomaly) ? 'went back and forth' : 'goes back and forth'
  return `${subjectOf(anomaly)} ${does}${wordsOf(anomaly, ': ')}`
}

const CONTRIBUTIONS_TOLD = 3
const CONTRIBUTION_MIN = 0.1

function together(anomaly: DescribedAnomaly): string {
  const parts = (anomaly.contributions ?? [])
    .filter(({ share }, at) => at === 0 || share >= CONTRIBUTION_MIN)
    .slice(0, CONTRIBUTIONS_TOLD)
    .map(({ metric, share }) => `${nameOf(metric)} (${Math.round(share * 100)} %)`)
  const list = parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
  const are = isOver(anomaly) ? 'were' : 'are'
  const said = list === '' ? wordsOf(anomaly, ': ') : `: mostly ${list}`
  return `KPIs of ${processInWords(anomaly.process)} ${are} unusual together${said}`
}

/** A KPI's label inside a sentence: `memory`, `network transmit`, but `CPU`. */
function nameOf(metric: string): string {
  const label = kpis.find(({ name }) => name === metric)?.label
  if (label === undefined) return metric
  return /^[A-Z]{2}/.test(label) ? label : label.charAt(0).toLowerCase() + label.slice(1)
}

const wordsOf = ({ words }: DescribedAnomaly, before: string): string =>
  words === undefined || words === '' ? '' : `${before}${words}`

function ending(anomaly: DescribedAnomaly): string {
  const { startMs, endMs, atMs } = anomaly
  if (!isDate(startMs)) return ''
  const start = new Date(startMs).toISOString()
  const isOtherDay = isDate(atMs) && new Date(atMs).toISOString().slice(0, 10) !== start.slice(0, 10)
  const clock = `${isOtherDay ? `${start.slice(0, 10)} ` : ''}${start.slice(11, 19)} UTC`
  if (!isOver(anomaly)) return `, since ${clock}`
  const normal = anomaly.isLearnt === true ? ' and is the new normal' : ''
  return `, from ${clock}; lasted ${lastingInWords(endMs - startMs)}${normal}`
}
