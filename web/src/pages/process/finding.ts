import { type ChartSeries, stretches } from '../../charts/series.ts'
import { format, plain, type Quantity } from '../../format.ts'
import { spanWords } from '../../state/span.ts'

/** A piece of the sentence; what matters is strong. */
export interface Phrase {
  readonly text: string
  readonly strong?: boolean
}

export interface FindingInput {
  readonly name: string
  readonly isHost: boolean
  /** The worst anomaly that lasts, in words. */
  readonly wrong?: string | null
  /** Cores for groups, share for hosts. */
  readonly cpu: ChartSeries | null
  readonly memory: ChartSeries | null
  readonly instances: number | null
  readonly rangeMs: number
  /** When something was last heard, ms; null when it never was. */
  readonly lastSeenMs: number | null
  readonly atMs: number
}

export interface Trend {
  readonly kind: 'rising' | 'falling' | 'steady'
  readonly from: number
  readonly to: number
  /** Units of the series per hour. */
  readonly perHour: number
}

const HOUR = 3_600_000
/** Silence that is worth the whole sentence. */
const silentMs = 60_000

/**
 * Compares the first quarter of what there is with the last. Less than a tenth of change, or less than `floor`,
 * is steady: a sentence must not make a trend out of noise. Null for fewer than eight points
 * or less than two minutes.
 */
export function trendOf(series: ChartSeries | null, floor: number): Trend | null {
  if (!series || series.times.length < 8 || series.times.at(-1)! - series.times[0]! < 120_000) return null
  const quarter = Math.floor(series.values.length / 4)
  const mean = (from: number, to: number) => series.values.slice(from, to).reduce((a, b) => a + b, 0) / (to - from)
  const from = mean(0, quarter)
  const to = mean(series.values.length - quarter, series.values.length)
  // From the middle of the first quarter to the middle of the last.
  const share = (series.times.length - quarter) / (series.times.length - 1)
  const hours = ((series.times.at(-1)! - series.times[0]!) * share) / HOUR
  const change = to - from
  // Quarters that vary within themselves by as much as they differ show no trend, only a lively process.
  const spread = Math.max(spreadOf(series.values.slice(0, quarter), from), spreadOf(series.values.slice(-quarter), to))
  const noticeable = Math.abs(change) > Math.max(floor, Math.abs(from) * 0.1, spread * 2)
  const kind = !noticeable ? 'steady' : change > 0 ? 'rising' : 'falling'
  return { kind, from, to, perHour: hours > 0 ? change / hours : 0 }
}

/** Mean distance from the mean. */
const spreadOf = (values: readonly number[], mean: number): number =>
  values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / Math.max(1, values.length)

const last = (series: ChartSeries | null): number | null => series?.values.at(-1) ?? null

/** How much of the range the data covers, in words: the range itself, or since when there is any. */
function over(input: FindingInput): string {
  const first = input.memory?.times[0] ?? input.cpu?.times[0]
  const covered = first === undefined ? 0 : input.atMs - first
  if (covered >= input.rangeMs * 0.9)
    return `over the last ${input.rangeMs === HOUR ? 'hour' : spanWords(input.rangeMs)}`
  return `over the ${spanWords(Math.max(1000, covered))} that are recorded`
}

/** `4.0` % is said as `4 %`: a sentence needs no false precision. */
const short = (quantity: Quantity | null): string => plain(quantity).replace(/^(\d+)[.,]0+(\s)/, '$1$2')

/** The page's finding in one sentence, from nothing but the values that it shows. */
export function findingOf(input: FindingInput): Phrase[] {
  const { name, isHost } = input
  const heard = input.lastSeenMs === null ? null : format.ago(input.lastSeenMs, input.atMs)
  if (!isHost && input.instances === 0) {
    return [
      { text: `No instance of ${name} is running`, strong: true },
      { text: heard ? `; the last was heard ${heard}.` : '.' },
    ]
  }
  if (input.lastSeenMs !== null && input.atMs - input.lastSeenMs > silentMs) {
    return [{ text: `${name} was last heard ` }, { text: `${heard}`, strong: true }, { text: '.' }]
  }
  if (input.wrong) return [{ text: input.wrong.replace(/[.]?$/, '.'), strong: true }]
  const cpu = last(input.cpu)
  // Threads of the kernel have no memory of their own.
  const memory = last(input.memory) || null
  if (cpu === null && memory === null) return [{ text: `Nothing was heard of ${name} in this time.` }]
  const phrases: Phrase[] = [{ text: `${name} uses ` }]
  if (cpu !== null) {
    const used = isHost
      ? `${short(format.share(cpu))} of its CPUs`
      : cpu >= 0.995
        ? `${short(format.number(cpu, 'cores'))}`
        : `${short(format.cpu(cpu))} of one core`
    phrases.push({ text: used, strong: true })
  }
  if (cpu !== null && memory !== null) phrases.push({ text: ' and ' })
  if (memory !== null) phrases.push({ text: short(format.bytes(memory)), strong: true })
  if (!isHost && input.instances !== null) {
    phrases.push({ text: ` in ${format.count(input.instances)} ${input.instances === 1 ? 'instance' : 'instances'}` })
  }
  return [...phrases, ...change(input)]
}

function change(input: FindingInput): Phrase[] {
  const memory = trendOf(input.memory, 1_000_000)
  const cpu = trendOf(input.cpu, 0.01)
  const when = over(input)
  if (!memory && !cpu) return [{ text: '.' }]
  if (memory && memory.kind !== 'steady') {
    const rate = `${short(format.bytes(Math.abs(memory.perHour)))}/h`
    const verb = memory.kind === 'rising' ? 'grew' : 'shrank'
    // Minutes scaled to an hour would promise what nobody measured.
    const words =
      input.rangeMs >= HOUR / 2 && holds(input.memory) ? `by ${rate}` : `from ${short(format.bytes(memory.from))}`
    return [{ text: `; memory ${verb} ` }, { text: words, strong: true }, { text: ` ${when}.` }]
  }
  if (cpu && cpu.kind !== 'steady') {
    const said = (value: number) => short(input.isHost ? format.share(value) : format.cpu(value))
    const verb = cpu.kind === 'rising' ? 'rose' : 'fell'
    return [
      { text: `; CPU ${verb} ` },
      { text: `from ${said(cpu.from)} to ${said(cpu.to)}`, strong: true },
      { text: ` ${when}.` },
    ]
  }
  const lively = livelinessOf(input)
  return lively === null ? [{ text: `, steady ${when}.` }] : [{ text: `, ${lively} ${when}.` }]
}

/** Between what the values went up and down; null where they hardly did. */
function livelinessOf(input: FindingInput): string | null {
  const cpu = extentOf(input.cpu, 0.01)
  const memory = extentOf(input.memory, 1_000_000)
  const cpuWords = (value: number) => short(input.isHost ? format.share(value) : format.cpu(value))
  const memoryWords = (value: number) => short(format.bytes(value))
  const words = [
    ...(cpu ? [`CPU between ${cpuWords(cpu.low)} and ${cpuWords(cpu.high)}`] : []),
    ...(memory ? [`memory between ${memoryWords(memory.low)} and ${memoryWords(memory.high)}`] : []),
  ]
  return words.length > 0 ? words.join(', ') : null
}

/** Lowest and highest value; null when they are within a fifth of the mean, or within `floor`. */
function extentOf(series: ChartSeries | null, floor: number): { low: number; high: number } | null {
  if (!series || series.values.length === 0) return null
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  let sum = 0
  for (const value of series.values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
    sum += value
  }
  return high - low > Math.max(floor, (sum / series.values.length) * 0.2) ? { low, high } : null
}

/** True when at least half an hour was recorded without a hole. */
function holds(series: ChartSeries | null): boolean {
  if (!series) return false
  return stretches(series).some(([first, end]) => series.times[end]! - series.times[first]! >= HOUR / 2)
}
