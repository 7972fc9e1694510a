import type { ReportFormat } from '../report-format.ts'
import type { AxisTick } from './blocks.ts'

const STEPS = [1, 2, 2.5, 5, 10]

/** Three or four round values from 0 that reach over the highest; the unit stands on the top one only. */
export function ticksTo(highest: number, text: (value: number, isTop: boolean) => string): AxisTick[] {
  if (!(highest > 0)) return [{ value: 0, text: text(0, false) }]
  const rough = highest / 3
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = (STEPS.find((each) => each * power >= rough * 0.999) ?? 10) * power
  const count = Math.max(1, Math.ceil(highest / step - 1e-9))
  return Array.from({ length: count + 1 }, (_, index) => ({
    value: index * step,
    text: text(index * step, index === count),
  }))
}

export function countTicks(highest: number, format: ReportFormat): AxisTick[] {
  return ticksTo(Math.max(highest, 3), (value) => format.count(value)).filter(({ value }) => Number.isInteger(value))
}

const DURATION_UNITS = [
  { ms: 86_400_000, unit: 'd' },
  { ms: 3_600_000, unit: 'h' },
  { ms: 60_000, unit: 'min' },
  { ms: 1000, unit: 's' },
  { ms: 1, unit: 'ms' },
] as const

export function durationTicks(highestMs: number, format: ReportFormat): AxisTick[] {
  const { ms, unit } = DURATION_UNITS.find((each) => highestMs >= each.ms * 1.5) ?? DURATION_UNITS[4]
  const ticks = ticksTo(highestMs / ms, (value, isTop) =>
    isTop ? `${format.amount(value)} ${unit}` : format.amount(value),
  )
  return ticks.map(({ value, text }) => ({ value: value * ms, text }))
}

export function shareTicks(highest: number, format: ReportFormat): AxisTick[] {
  const percent = highest > 0.5 ? 100 : Math.min(100, highest * 100)
  const ticks = ticksTo(percent, (value, isTop) => (isTop ? `${format.amount(value)} %` : format.amount(value)))
  return ticks
    .filter(({ value }) => value <= 100 || percent < 100)
    .map(({ value, text }) => ({ value: value / 100, text }))
}

export function amountTicks(highest: number, unit: string, format: ReportFormat): AxisTick[] {
  return ticksTo(highest, (value, isTop) => (isTop ? `${format.amount(value)} ${unit}`.trim() : format.amount(value)))
}

const TIMES = 6

/** Moments along a period: days where it is long, times of day where it is short. */
export function timesAlong(fromMs: number, toMs: number, format: ReportFormat): { atMs: number; text: string }[] {
  const isLong = toMs - fromMs > 2 * 86_400_000
  const times = Array.from({ length: TIMES }, (_, index) => fromMs + ((index + 0.5) / TIMES) * (toMs - fromMs))
  const text = (atMs: number): string =>
    isLong ? format.weekday(format.isoDay(atMs)) : (format.moment(atMs).split(', ').at(-1) ?? '')
  return times.map((atMs) => ({ atMs, text: text(atMs) }))
}
