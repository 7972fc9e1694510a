import { canonicalAttributes } from '@driftline/proto/ids'
import type { Metric } from '@driftline/proto/metrics'
import type { HostSink } from './reader.ts'
import type { SampleColumns } from './samples.ts'
import type { SeriesBook } from './series.ts'

/** Takes the values of host metrics as samples, of a bounded number of series. */
export interface HostSeries extends HostSink {
  /** Values that were left out for want of room, since the start. */
  leftOut(): number
}

export interface HostSeriesOptions {
  /** Series of the host at once: some for each network interface, file system and disk. */
  readonly seriesMax?: number
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number
}

/** A series that was not told for so long gives its place to another one: containers bring new interfaces all day. */
const UNUSED_MS = 600_000
const NO_ROOM = -1

export function createHostSeries(
  hostId: string,
  { book, samples }: { readonly book: SeriesBook; readonly samples: SampleColumns },
  { seriesMax = 4096, nowMs = () => performance.now() }: HostSeriesOptions = {},
): HostSeries {
  /** In the order of their last use, oldest first. */
  const used = new Map<string, { readonly number: number; readonly atMs: number }>()
  let leftOut = 0

  const numberFor = (metric: Metric, attributes: Readonly<Record<string, string>> | undefined, now: number): number => {
    if (used.size < seriesMax) return book.define(hostId, metric, attributes)
    const [first] = used
    if (first === undefined || now - first[1].atMs < UNUSED_MS) return NO_ROOM
    const [key, oldest] = first
    used.delete(key)
    book.redefine(oldest.number, hostId, metric, attributes)
    return oldest.number
  }

  return {
    series: (metric, attributes) => {
      const key = attributes === undefined ? metric.name : `${metric.name}\n${canonicalAttributes(attributes)}`
      const now = nowMs()
      const number = used.get(key)?.number ?? numberFor(metric, attributes, now)
      if (number === NO_ROOM) return NO_ROOM
      used.delete(key)
      used.set(key, { number, atMs: now })
      return number
    },
    set: (series, value) => {
      if (series === NO_ROOM) leftOut++
      else samples.add(series, value)
    },
    leftOut: () => leftOut,
  }
}
