/**
 * Reads the text formats that Prometheus scrapes: its own 0.0.4 and OpenMetrics 1.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/). Lines it cannot read are told and passed over.
 */
export interface ExpositionTaker {
  /**
   * A sample: `labels` is the text between its braces, which is the same for the same series of one target as long as
   * the target keeps their order. `timeMs` is NaN when the line has none.
   */
  sample(name: string, labels: string, value: number, timeMs: number): void
  type(name: string, type: MetricType): void
  unit(name: string, unit: string): void
  wrong(line: number, why: string): void
}

export const metricTypes = [
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'unknown',
  'untyped',
] as const
export type MetricType = (typeof metricTypes)[number]

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y
const LINE_LENGTH_MAX = 65_536

export function readExposition(text: string, isOpenMetrics: boolean, taker: ExpositionTaker): void {
  let line = 0
  for (let from = 0; from < text.length; ) {
    let to = text.indexOf('\n', from)
    if (to < 0) to = text.length
    line += 1
    const end = text.charCodeAt(to - 1) === 13 ? to - 1 : to
    const start = afterBlanks(text, from)
    if (start < end) {
      if (end - from > LINE_LENGTH_MAX) taker.wrong(line, `is longer than ${LINE_LENGTH_MAX} characters`)
      else if (text.charCodeAt(start) === 35) readComment(text.slice(start, end), taker)
      else {
        const why = readSample(text.slice(start, end), isOpenMetrics, taker)
        if (why !== null) taker.wrong(line, why)
      }
    }
    from = to + 1
  }
}

function readComment(line: string, taker: ExpositionTaker): void {
  const [, word, name, rest] = /^#[ \t]+(TYPE|UNIT)[ \t]+(\S+)[ \t]+(.*?)[ \t]*$/.exec(line) ?? []
  if (word === undefined || name === undefined || rest === undefined) return
  if (word === 'UNIT') taker.unit(name, rest)
  else if ((metricTypes as readonly string[]).includes(rest)) taker.type(name, rest as MetricType)
}

/** Null when it was a sample, else what is wrong with it. */
function readSample(line: string, isOpenMetrics: boolean, taker: ExpositionTaker): string | null {
  NAME.lastIndex = 0
  const name = NAME.exec(line)?.[0]
  if (name === undefined) return 'begins with no metric name'
  let at = afterBlanks(line, name.length)
  let labels = ''
  if (line[at] === '{') {
    const end = endOfLabels(line, at)
    if (end < 0) return 'has labels that do not end'
    labels = line.slice(at + 1, end)
    at = end + 1
  }
  const [value, time, ...more] = withoutExemplar(line.slice(at))
    .trim()
    .split(/[ \t]+/)
  if (value === undefined || value === '') return 'has no value'
  if (more.length > 0) return `has more after its value and time: ${more[0]?.slice(0, 40)}`
  const number = numberOf(value)
  if (number === null) return `has a value that is no number: ${value.slice(0, 40)}`
  const timeMs = time === undefined ? Number.NaN : timeOf(time, isOpenMetrics)
  if (timeMs === null) return `has a time that is no number: ${time?.slice(0, 40)}`
  taker.sample(name, labels, number, timeMs)
  return null
}

/** Index of the closing brace; braces and quotes in values do not count. */
function endOfLabels(line: string, open: number): number {
  let quoted = false
  for (let at = open + 1; at < line.length; at++) {
    const character = line[at]
    if (quoted && character === '\\') at += 1
    else if (character === '"') quoted = !quoted
    else if (character === '}' && !quoted) return at
  }
  return -1
}

/** Of OpenMetrics: ` # {trace_id="..."} 0.5`. */
function withoutExemplar(rest: string): string {
  const at = rest.indexOf('#')
  return at < 0 ? rest : rest.slice(0, at)
}

function numberOf(text: string): number | null {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null
}

/** Milliseconds in Prometheus' own format, seconds in OpenMetrics. */
function timeOf(text: string, isOpenMetrics: boolean): number | null {
  const number = numberOf(text)
  if (number === null || !Number.isFinite(number)) return null
  return isOpenMetrics ? Math.round(number * 1000) : number
}

function afterBlanks(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9) at += 1
  return at
}

/** The labels of a sample by their names, from the text between its braces; null when they cannot be read. */
export function readLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {}
  let at = afterBlanks(text, 0)
  while (at < text.length) {
    LABEL.lastIndex = at
    const name = LABEL.exec(text)?.[0]
    if (name === undefined) return null
    at = afterBlanks(text, at + name.length)
    if (text[at] !== '=') return null
    at = afterBlanks(text, at + 1)
    if (text[at] !== '"') return null
    const end = endOfQuoted(text, at)
    if (end < 0) return null
    if (name === '__proto__' || name in labels) return null
    labels[name] = unescaped(text.slice(at + 1, end))
    at = afterBlanks(text, end + 1)
    if (at === text.length) break
    if (text[at] !== ',') return null
    at = afterBlanks(text, at + 1)
  }
  return labels
}

function endOfQuoted(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return -1
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(["\\n])/g, (_whole, character: string) => (character === 'n' ? '\n' : character))
}
