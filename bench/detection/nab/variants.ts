import type { LabelledSeries } from './series.ts'

/** A generator of numbers in [0, 1) that is the same everywhere (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** The series of the rows that are kept; windows of fewer than six rows are given up. */
function keepRows(series: LabelledSeries, keep: (row: number) => boolean): LabelledSeries {
  const rows: number[] = []
  for (let row = 0; row < series.values.length; row++) if (keep(row)) rows.push(row)
  const place = (row: number) => rows.filter((kept) => kept < row).length
  return {
    ...series,
    timesMs: Float64Array.from(rows, (row) => series.timesMs[row]!),
    values: Float64Array.from(rows, (row) => series.values[row]!),
    windows: series.windows
      .map(([start, end]) => [place(start), place(end + 1) - 1] as const)
      .filter(([start, end]) => end - start >= 5),
  }
}

function mapValues(series: LabelledSeries, map: (value: number, row: number) => number): LabelledSeries {
  return { ...series, values: series.values.map(map) }
}

function reversed(series: LabelledSeries): LabelledSeries {
  const last = series.values.length - 1
  const sum = series.timesMs[0]! + series.timesMs[last]!
  return {
    ...series,
    timesMs: series.timesMs.map((_, row) => sum - series.timesMs[last - row]!),
    values: series.values.slice().reverse(),
    windows: series.windows.map(([start, end]) => [last - end, last - start] as const).reverse(),
  }
}

const sorted = (values: Float64Array): Float64Array => values.slice().sort()
const quantile = (values: Float64Array, share: number): number => sorted(values)[Math.floor(values.length * share)]!

/** The first 30% of another series, brought to the level and spread of this one, before it. */
function joined(series: LabelledSeries, other: LabelledSeries): LabelledSeries {
  const extra = Math.floor(other.values.length * 0.3)
  const width = (values: Float64Array) => quantile(values, 0.9) - quantile(values, 0.1) || 1
  const ratio = width(series.values) / width(other.values)
  const shift = quantile(series.values, 0.5) - ratio * quantile(other.values, 0.5)
  const step = series.timesMs[1]! - series.timesMs[0]! || 300_000
  const before = Array.from({ length: extra }, (_, row) => series.timesMs[0]! - (extra - row) * step)
  return {
    ...series,
    timesMs: Float64Array.from([...before, ...series.timesMs]),
    values: Float64Array.from([...other.values.slice(0, extra).map((v) => shift + ratio * v), ...series.values]),
    windows: series.windows.map(([start, end]) => [start + extra, end + extra] as const),
  }
}

function noisy(series: LabelledSeries, seed: number): LabelledSeries {
  const random = createRandom(seed)
  const steps = series.values.slice(1).map((value, row) => Math.abs(value - series.values[row]!))
  const size = quantile(steps, 0.5)
  return mapValues(series, (value) => value + size * (random() + random() + random() - 1.5))
}

const power = (value: number, exponent: number): number => Math.sign(value) * Math.abs(value) ** exponent

type Variant = (series: LabelledSeries, index: number, all: readonly LabelledSeries[]) => LabelledSeries

/** What the same series might as well have looked like. */
export const variants: Readonly<Record<string, Variant>> = {
  'as it is': (series) => series,
  'sign flipped': (series) => mapValues(series, (value) => -value),
  '20% of rows dropped': (series, index) => {
    const random = createRandom(100 + index)
    return keepRows(series, () => random() > 0.2)
  },
  'without the first 12%': (series) => keepRows(series, (row) => row >= Math.floor(series.values.length * 0.12)),
  'without the first 25%': (series) => keepRows(series, (row) => row >= Math.floor(series.values.length * 0.25)),
  'every second row': (series) => keepRows(series, (row) => row % 2 === 1),
  'every third row': (series) => keepRows(series, (row) => row % 3 === 1),
  'means of two rows': (series) => {
    const means = mapValues(series, (value, row) => (row > 0 ? (value + series.values[row - 1]!) / 2 : value))
    return keepRows(means, (row) => row % 2 === 1)
  },
  backwards: reversed,
  'square root': (series) => mapValues(series, (value) => power(value, 0.5)),
  'power of 1.5': (series) => mapValues(series, (value) => power(value, 1.5)),
  'noise added': (series, index) => noisy(series, 200 + index),
  'behind another series': (series, index, all) => joined(series, all[(index * 7 + 5) % all.length]!),
  'greatest 0.2% cut': (series) => {
    const most = quantile(series.values, 0.998)
    return mapValues(series, (value) => Math.min(value, most))
  },
}
