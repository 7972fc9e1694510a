import { typeWords } from '../alerts/view.ts'
import type { Anomaly, BaselineAnswer } from '../api/types.ts'
import { fillOf } from '../drift/score.ts'
import { type Format, plain } from '../format.ts'
import type { Place } from './geometry.ts'
import { quantityOfUnit } from './kpi-names.ts'

/** What was normal at each moment: parallel arrays in time order, in the unit of the chart. */
export interface NormalBand {
  readonly times: readonly number[]
  readonly low: readonly number[]
  readonly centre: readonly number[]
  readonly high: readonly number[]
  /** Distance of points. */
  readonly stepMs: number
}

/** A stretch of a chart that an anomaly covers. */
export interface ChartSpan {
  readonly id: string
  readonly fromMs: number
  /** Where it ends, or the end of what is shown while it lasts. */
  readonly toMs: number
  readonly tone: 'warn' | 'crit'
  /** CSS colour of the line inside. */
  readonly colour: string
  /** Type, since when, why. */
  readonly words: readonly string[]
}

/** The normal range is the centre and two spreads to each side. */
export const normalSpreads = 2

/**
 * Centre ± 2 spreads; `factor` turns the unit of the baseline into that of the chart, where nothing is more than `most`.
 * Minutes without one leave a hole.
 */
export function bandOfBaseline(
  answer: BaselineAnswer,
  factor = 1,
  most = Number.POSITIVE_INFINITY,
  least = 0,
): NormalBand {
  const band = { times: [] as number[], low: [] as number[], centre: [] as number[], high: [] as number[] }
  for (const { time, centre, spread } of answer.points) {
    if (centre === null || spread === null || !Number.isFinite(factor)) continue
    band.times.push(Date.parse(time))
    band.centre.push(centre * factor)
    // What cannot be less than nothing is not usual there.
    band.low.push(Math.max(Math.min(least, centre), centre - normalSpreads * spread) * factor)
    band.high.push(Math.min(most, (centre + normalSpreads * spread) * factor))
  }
  return { ...band, stepMs: answer.step * 1000 }
}

/** The band up to `atMs` with what is usual now, so that it does not end a minute before the line does. */
export function extendBand(
  band: NormalBand,
  atMs: number,
  now: { readonly centre: number | null; readonly spread: number | null } | undefined,
  factor = 1,
  most = Number.POSITIVE_INFINITY,
): NormalBand {
  const last = band.times.at(-1)
  if (!now || now.centre === null || now.spread === null || !Number.isFinite(factor)) return band
  if (last !== undefined && (atMs <= last || atMs - last > 5 * band.stepMs)) return band
  return {
    ...band,
    times: [...band.times, atMs],
    centre: [...band.centre, now.centre * factor],
    low: [...band.low, Math.max(Math.min(0, now.centre), now.centre - normalSpreads * now.spread) * factor],
    high: [...band.high, Math.min(most, (now.centre + normalSpreads * now.spread) * factor)],
  }
}

/** How far a value is from what is usual now, in robust standard deviations; null where nothing is known. */
export function deviationOf(
  value: number | null | undefined,
  now: { readonly centre: number | null; readonly spread: number | null } | undefined,
): number | null {
  if (value === null || value === undefined || !now || now.centre === null || !now.spread) return null
  return (value - now.centre) / now.spread
}

const round = (value: number): string => String(Math.round(value * 10) / 10)

/** Pairs of first and last index without a hole. */
function stretches(band: NormalBand): [number, number][] {
  const found: [number, number][] = []
  let first = 0
  for (let i = 1; i <= band.times.length; i++) {
    if (i < band.times.length && band.times[i]! - band.times[i - 1]! <= 3.5 * band.stepMs) continue
    if (band.times.length > 0) found.push([first, i - 1])
    first = i
  }
  return found
}

/** The area of the band and its dashed middle. */
export function normalPaths(band: NormalBand, x: Place, y: Place): { readonly area: string; readonly centre: string } {
  let area = ''
  let centre = ''
  for (const [first, last] of stretches(band)) {
    // A minute stands for itself: a single one is as wide as it lasted.
    const at = (i: number) => round(x(band.times[i]!))
    const end = first === last ? round(x(band.times[last]! + band.stepMs)) : null
    for (let i = first; i <= last; i++) {
      area += `${i === first ? 'M' : 'L'}${at(i)} ${round(y(band.high[i]!))}`
      centre += `${i === first ? 'M' : 'L'}${at(i)} ${round(y(band.centre[i]!))}`
    }
    if (end !== null) {
      area += `H${end}V${round(y(band.low[last]!))}H${at(last)}Z`
      centre += `H${end}`
      continue
    }
    for (let i = last; i >= first; i--) area += `L${at(i)} ${round(y(band.low[i]!))}`
    area += 'Z'
  }
  return { area, centre }
}

/** The least that is usual in a stretch; null where nothing is known. */
export function bandBottom(band: NormalBand | null, fromMs: number, toMs: number): number | null {
  const seen = (band?.times ?? []).flatMap((time, i) => (time >= fromMs && time <= toMs ? (band?.low[i] ?? []) : []))
  return seen.length > 0 ? Math.min(...seen) : null
}

/** Highest value of the band between two moments; 0 when there is none. */
export function bandTop(band: NormalBand | null, fromMs: number, toMs: number): number {
  let top = 0
  for (const [i, time] of (band?.times ?? []).entries())
    if (time >= fromMs && time <= toMs) top = Math.max(top, band?.high[i] ?? 0)
  return top
}

/** The normal range of an anomaly in words: `normal 2.1–3.7 mm/s`; empty where none is known, or of no line of numbers. */
export function expectedWords(anomaly: Anomaly, format: Format): string {
  if (anomaly.metric === null) return ''
  const { low, high } = anomaly.expected
  const words = [low, high].map((value) => quantityOfUnit(anomaly.unit, value, anomaly.metric))
  if (words[0] && words[1]) return `normal ${format.range(words[0], words[1])}`
  if (words[1]) return `normal up to ${plain(words[1])}`
  return words[0] ? `normal from ${plain(words[0])}` : ''
}

/** Rules have no score; forests and the streaming detector have one of their own, which is no σ. */
export function isSigma(anomaly: Pick<Anomaly, 'type' | 'score'>): boolean {
  return (anomaly.type === 'performance_degradation' || anomaly.type === 'error_spike') && anomaly.score !== 0
}

/** Spans of a chart for anomalies that are about its KPI, or about the process as a whole. */
export function spansOf(
  anomalies: readonly Anomaly[],
  fromMs: number,
  toMs: number,
  concerns: (anomaly: Anomaly) => boolean,
  format: Format,
): ChartSpan[] {
  return anomalies
    .filter((one) => one.severity !== 'info' && concerns(one))
    .map((one) => ({ one, from: Date.parse(one.timestamp), to: one.endedAt === null ? toMs : Date.parse(one.endedAt) }))
    .filter(({ from, to }) => to > fromMs && from < toMs)
    .sort((a, b) => a.from - b.from)
    .map(({ one, from, to }) => {
      // The range of the last record may hold what was far outside of the one before: the score knows the side.
      const beyond = one.expected.high === null || (one.worstValue ?? one.value ?? 0) > one.expected.high
      const above = isSigma(one) ? one.score > 0 : beyond
      const size = isSigma(one) ? Math.abs(one.score) : one.severity === 'critical' ? 16 : 6
      const lasted =
        one.endedAt === null ? `since ${format.minute(from)}` : `${format.minute(from)}–${format.minute(to)}`
      // The score is that of the last value: of what is over it would say how normal it has become.
      const score =
        isSigma(one) && one.endedAt === null
          ? `, ${one.score > 0 ? '+' : '−'}${format.tenths(Math.abs(one.score))}σ`
          : ''
      return {
        id: one.id,
        fromMs: Math.max(from, fromMs),
        toMs: Math.min(to, toMs),
        tone: one.severity === 'critical' ? ('crit' as const) : ('warn' as const),
        colour: fillOf(Math.max(2, size) * (above ? 1 : -1)),
        words: [typeWords(one.type), `${lasted}${score}`, expectedWords(one, format)].filter(Boolean),
      }
    })
}
