import { format } from '../format.ts'
import { type AxisUnit, axisUnit, type ChartUnit } from './units.ts'

export interface Tick {
  readonly at: number
  readonly label: string
}

export interface Axis {
  /** The drawn range; `max` leaves air above the highest value. */
  readonly min: number
  readonly max: number
  readonly ticks: readonly Tick[]
}

const steps = [1, 2, 2.5, 5, 10]

/** The smallest pleasant step of which at most `intervals` reach `span`. */
export function niceStep(span: number, intervals: number): number {
  if (!(span > 0)) return 1
  const raw = span / intervals
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  for (const step of steps) if (step * magnitude >= raw * (1 - 1e-9)) return step * magnitude
  return 10 * magnitude
}

function label(value: number, step: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, Math.min(3, -Math.floor(Math.log10(step) + 1e-9) + (isHalf(step) ? 1 : 0)))
  return format.number(value, '', digits)?.value ?? ''
}

/** 2.5, 0.25 and the like need one digit more than their magnitude says. */
function isHalf(step: number): boolean {
  const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9)
  return Math.abs(lead - 2.5) < 1e-6
}

/** How far an axis reaches on which nothing but zero stands: thousandths of a byte would look like a measurement. */
const nothingReach: Partial<Record<ChartUnit, number>> = { byteRate: 950, rate: 0.95, number: 0.95 }

/**
 * Axis from zero to above `top`, with at most `intervals` + 1 grid lines. Only the top tick carries the unit.
 * Whole things (`count`) never get half ticks, and shares do not go past 100 %.
 */
export function valueAxis(unit: ChartUnit, top: number, intervals = 4): Axis {
  const least = unit === 'count' ? intervals : unit === 'bytes' ? 1024 : top > 0 ? 0.01 : (nothingReach[unit] ?? 0.01)
  const reach = Math.max(top, least)
  const axis = axisIn(unit, top, reach, intervals, axisUnit(unit, reach))
  // 830 KB/s needs an axis to 1,000 KB/s: said in the unit that its top tick deserves.
  const better = axisUnit(unit, axis.max)
  return better.scale === axisUnit(unit, reach).scale ? axis : axisIn(unit, top, reach, intervals, better)
}

function axisIn(unit: ChartUnit, top: number, reach: number, intervals: number, inUnit: AxisUnit): Axis {
  const { scale, unit: name } = inUnit
  // A little air above the highest value; a share that cannot pass 100 % needs none there.
  const wanted = (unit === 'share' && top <= 1 ? Math.min(reach * 1.04, 1) : reach * 1.04) / scale
  let step = niceStep(wanted, intervals)
  if (unit === 'count') step = Math.max(1, Math.round(step))
  const count = Math.ceil(wanted / step - 1e-9)
  const ticks: Tick[] = []
  for (let i = 0; i <= count; i++) {
    const text = label(i * step, step)
    ticks.push({ at: i * step * scale, label: i === count && name ? `${text} ${name}` : text })
  }
  return { min: 0, max: count * step * scale, ticks }
}

/**
 * Axis of a level, such as a temperature: from just below `low` to just above `high`, and from zero where zero is near, or for amounts
 * per second.
 * Its steps are pleasant, and only the top tick carries the unit.
 */
export function levelAxis(unit: ChartUnit, low: number, high: number, intervals = 4): Axis {
  if (low >= 0 && (low <= high * 0.5 || unit.endsWith('/s'))) return valueAxis(unit, high, intervals)
  const { scale, unit: name } = axisUnit(unit, Math.max(Math.abs(low), Math.abs(high)))
  const middle = (low + high) / 2
  // What hardly changes must not look like a storm.
  const reach = Math.max((high - low) / 2, Math.abs(middle) * 0.05, 1e-6) * 1.1
  const step = niceStep((reach * 2) / scale, intervals)
  const from = Math.floor((middle - reach) / scale / step + 1e-9)
  const to = Math.max(from + 1, Math.ceil((middle + reach) / scale / step - 1e-9))
  const ticks: Tick[] = []
  for (let i = from; i <= to; i++) {
    const text = label(i * step, step)
    ticks.push({ at: i * step * scale, label: i === to && name ? `${text} ${name}` : text })
  }
  return { min: from * step * scale, max: to * step * scale, ticks }
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const timeSteps = [
  SECOND,
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
]

/** Round local times between `from` and `to`, about `wanted` of them. */
export function timeTicks(from: number, to: number, wanted: number, offsetMs = localOffset(to)): Tick[] {
  const span = to - from
  if (!(span > 0) || wanted < 1) return []
  const step = timeSteps.find((s) => span / s <= wanted) ?? timeSteps.at(-1)!
  const ticks: Tick[] = []
  for (let at = Math.ceil((from + offsetMs) / step) * step - offsetMs; at <= to; at += step) {
    ticks.push({ at, label: timeLabel(at, step) })
  }
  return ticks
}

function timeLabel(at: number, step: number): string {
  if (step < MINUTE) return format.clock(at)
  const text = format.minute(at)
  return step >= DAY || text === '00:00' ? format.day(at) : text
}

function localOffset(at: number): number {
  return -new Date(at).getTimezoneOffset() * MINUTE
}
