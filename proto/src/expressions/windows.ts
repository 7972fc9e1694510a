import type { WindowFunction } from './syntax.ts'

/** Sub-buckets of a window: it moves on in steps of one, and keeps no more than so many. */
const PARTS_MAX = 120
const PART_MIN_MS = 100

/**
 * What a window looks at: a level; a counter, which only grows until its source starts anew, so that what falls is such
 * a start; or a rate per second.
 */
export type WindowInput = 'level' | 'counter' | 'per-second'

/**
 * How a function over a window keeps its samples: a ring of sub-buckets by event time in one Float64Array. Element 0
 * is the number of the newest sub-bucket; sub-bucket n takes `stride` elements, the first of them its count.
 */
export interface WindowLayout {
  readonly fn: WindowFunction
  readonly input: WindowInput
  readonly partMs: number
  readonly parts: number
  readonly stride: number
}

const STRIDE: Readonly<Record<WindowFunction, number>> = {
  count: 1,
  sum: 2,
  avg: 2,
  min: 2,
  max: 2,
  stddev: 3,
  // Time and value of the first sample, of the last one, and the rises between; the sum of what is a rate.
  rate: 6,
  delta: 6,
  last: 6,
}

/** `windowMs` is covered by whole sub-buckets: the one of the present moment and those before it. */
export function windowLayout(fn: WindowFunction, windowMs: number, input: WindowInput): WindowLayout {
  const partMs = Math.max(PART_MIN_MS, Math.ceil(windowMs / PARTS_MAX))
  return { fn, input, partMs, parts: Math.ceil(windowMs / partMs), stride: STRIDE[fn] }
}

export function createWindow({ parts, stride }: WindowLayout): Float64Array {
  const ring = new Float64Array(1 + parts * stride)
  ring[0] = Number.NEGATIVE_INFINITY
  return ring
}

/** Takes in a sample; one from before the window of the newest is ignored. Values are finite. */
export function addToWindow(layout: WindowLayout, ring: Float64Array, timeMs: number, value: number): void {
  const { parts, stride, fn } = layout
  const part = Math.floor(timeMs / layout.partMs)
  const newest = ring[0]!
  if (part <= newest - parts) return
  if (part > newest) {
    for (let each = Math.max(newest + 1, part - parts + 1); each <= part; each++) ring[placeOf(layout, each)] = 0
    ring[0] = part
  }
  const at = placeOf(layout, part)
  const count = ring[at]! + 1
  ring[at] = count
  if (fn === 'min') ring[at + 1] = count === 1 ? value : Math.min(ring[at + 1]!, value)
  else if (fn === 'max') ring[at + 1] = count === 1 ? value : Math.max(ring[at + 1]!, value)
  else if (fn === 'stddev') addToSpread(ring, at, count, value)
  else if (stride === 2) ring[at + 1] = count === 1 ? value : ring[at + 1]! + value
  else if (stride === 6) addToEnds(layout.input, ring, at, count, timeMs, value)
}

function placeOf({ parts, stride }: WindowLayout, part: number): number {
  return 1 + (((part % parts) + parts) % parts) * stride
}

/** Welford's update of mean and sum of squared deviations. */
function addToSpread(ring: Float64Array, at: number, count: number, value: number): void {
  if (count === 1) {
    ring[at + 1] = value
    ring[at + 2] = 0
    return
  }
  const off = value - ring[at + 1]!
  ring[at + 1]! += off / count
  ring[at + 2]! += off * (value - ring[at + 1]!)
}

const riseOf = (from: number, to: number): number => (to >= from ? to - from : to)

function addToEnds(
  input: WindowInput,
  ring: Float64Array,
  at: number,
  count: number,
  timeMs: number,
  value: number,
): void {
  if (count === 1) {
    ring[at + 1] = ring[at + 3] = timeMs
    ring[at + 2] = ring[at + 4] = value
    ring[at + 5] = input === 'per-second' ? value : 0
  } else if (input === 'per-second') {
    ring[at + 5]! += value
    ring[at + 1] = Math.min(ring[at + 1]!, timeMs)
    ring[at + 3] = Math.max(ring[at + 3]!, timeMs)
  } else if (timeMs >= ring[at + 3]!) {
    ring[at + 5]! += riseOf(ring[at + 4]!, value)
    ring[at + 3] = timeMs
    ring[at + 4] = value
  } else if (timeMs < ring[at + 1]!) {
    ring[at + 5]! += riseOf(value, ring[at + 2]!)
    ring[at + 1] = timeMs
    ring[at + 2] = value
  }
}

/** The function's value at a moment; NaN when the window holds too little. */
export function readWindow(layout: WindowLayout, ring: Float64Array, nowMs: number): number {
  const newest = ring[0]!
  // Nothing has ever come, or nothing is asked.
  if (newest === Number.NEGATIVE_INFINITY || Number.isNaN(nowMs)) return Number.NaN
  const now = Math.floor(nowMs / layout.partMs)
  const first = Math.max(now, newest) - layout.parts + 1
  const last = Math.min(now, newest)
  switch (layout.fn) {
    case 'min':
    case 'max':
      return readExtreme(layout, ring, first, last)
    case 'stddev':
      return readSpread(layout, ring, first, last)
    case 'count':
    case 'sum':
    case 'avg':
      return readSum(layout, ring, first, last)
    default:
      return layout.input === 'per-second' ? readRate(layout, ring, first, last) : readEnds(layout, ring, first, last)
  }
}

function readExtreme(layout: WindowLayout, ring: Float64Array, first: number, last: number): number {
  let found = Number.NaN
  for (let part = first; part <= last; part++) {
    const at = placeOf(layout, part)
    if (ring[at] === 0) continue
    const value = ring[at + 1]!
    if (Number.isNaN(found) || (layout.fn === 'min' ? value < found : value > found)) found = value
  }
  return found
}

function readSum(layout: WindowLayout, ring: Float64Array, first: number, last: number): number {
  let count = 0
  let sum = 0
  for (let part = first; part <= last; part++) {
    const at = placeOf(layout, part)
    if (ring[at] === 0) continue
    count += ring[at]!
    if (layout.stride > 1) sum += ring[at + 1]!
  }
  if (layout.fn === 'count') return count
  return count === 0 ? Number.NaN : layout.fn === 'sum' ? sum : sum / count
}

/** Standard deviation of the population, by Chan's merge of the sub-buckets. */
function readSpread(layout: WindowLayout, ring: Float64Array, first: number, last: number): number {
  let count = 0
  let mean = 0
  let squares = 0
  for (let part = first; part <= last; part++) {
    const at = placeOf(layout, part)
    const more = ring[at]!
    if (more === 0) continue
    const off = ring[at + 1]! - mean
    count += more
    mean += (off * more) / count
    squares += ring[at + 2]! + (off * off * (count - more) * more) / count
  }
  return count < 2 ? Number.NaN : Math.sqrt(squares / count)
}

/** The mean of a rate, or what came together from the first sample to the last. */
function readRate(layout: WindowLayout, ring: Float64Array, first: number, last: number): number {
  let count = 0
  let sum = 0
  let fromMs = Number.NaN
  let toMs = Number.NaN
  for (let part = first; part <= last; part++) {
    const at = placeOf(layout, part)
    if (ring[at] === 0) continue
    if (count === 0) fromMs = ring[at + 1]!
    toMs = ring[at + 3]!
    count += ring[at]!
    sum += ring[at + 5]!
  }
  const mean = count === 0 ? Number.NaN : sum / count
  if (layout.fn === 'rate') return mean
  return toMs > fromMs ? (mean * (toMs - fromMs)) / 1000 : Number.NaN
}

function readEnds(layout: WindowLayout, ring: Float64Array, first: number, last: number): number {
  let from = -1
  let to = -1
  let rises = 0
  for (let part = first; part <= last; part++) {
    const at = placeOf(layout, part)
    if (ring[at] === 0) continue
    if (to !== -1) rises += riseOf(ring[to + 4]!, ring[at + 2]!)
    rises += ring[at + 5]!
    if (from === -1) from = at
    to = at
  }
  if (to === -1) return Number.NaN
  if (layout.fn === 'last') return ring[to + 4]!
  const spanMs = ring[to + 3]! - ring[from + 1]!
  if (spanMs <= 0) return Number.NaN
  const change = layout.input === 'counter' ? rises : ring[to + 4]! - ring[from + 2]!
  return layout.fn === 'rate' ? (change / spanMs) * 1000 : change
}
