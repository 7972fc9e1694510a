import { setImmediate } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { ProcessTableSchema } from '@driftline/proto'
import type { ProcessInstance, ProcessRow } from '../schemas/hosts.ts'
import type { Frame } from './host-state.ts'
import { applyFrame, type Rows } from './process-table.ts'

/** Frame by frame, a second of frames costs about a millisecond: longer ranges are looked at once a step. */
export const EXACT_RANGE_MS_MAX = 10 * 60_000
/** Steps of a range, and with them key frames that are read. */
export const STEPS_MAX = 60
export const INSTANCES_MAX = 1000
/** Frames are decoded so many at a time, so that live frames do not wait. */
const FRAMES_AT_ONCE = 5

export interface InstanceRange {
  readonly fromMs: number
  readonly toMs: number
  readonly stepMs: number
}

/** The range to read: a step is a sixtieth of it at least, and a minute when only key frames are read. */
export function instanceRange(fromMs: number, toMs: number, wishedStepMs: number | undefined): InstanceRange {
  const leastMs = Math.max(1000, Math.ceil((toMs - fromMs) / STEPS_MAX / 1000) * 1000)
  const keyFramesMs = isExact({ fromMs, toMs }) ? 0 : 60_000
  return { fromMs, toMs, stepMs: Math.max(leastMs, keyFramesMs, wishedStepMs ?? 0) }
}

export const isExact = ({ fromMs, toMs }: Pick<InstanceRange, 'fromMs' | 'toMs'>): boolean =>
  toMs - fromMs <= EXACT_RANGE_MS_MAX

/** Collects instances from tables of a range, in time order. */
export interface InstanceCollector {
  /** A whole table of a moment: what it lacks is gone. */
  see(timeMs: number, rows: Iterable<ProcessRow>): void
  /** Alive first, then by memory; and how many had no room. */
  result(): { items: ProcessInstance[]; more: number }
}

export function createInstanceCollector(range: InstanceRange, wanted: (row: ProcessRow) => boolean): InstanceCollector {
  const found = new Map<string, { row: ProcessRow; endMs: number | null; trend: (number | null)[] }>()
  const steps = Math.min(STEPS_MAX, Math.max(1, Math.ceil((range.toMs - range.fromMs) / range.stepMs)))
  return {
    see(timeMs, rows) {
      const step = Math.min(steps - 1, Math.max(0, Math.floor((timeMs - range.fromMs) / range.stepMs)))
      const present = new Set<string>()
      for (const row of rows) {
        if (!wanted(row)) continue
        const key = `${row.pid} ${row.startTime}`
        present.add(key)
        const trend = found.get(key)?.trend ?? new Array<number | null>(steps).fill(null)
        trend[step] = row.rssBytes
        found.set(key, { row, endMs: null, trend })
      }
      for (const [key, one] of found) if (!present.has(key)) one.endMs ??= timeMs
    },
    result() {
      const items = [...found.values()].sort(
        (a, b) =>
          Number(a.endMs !== null) - Number(b.endMs !== null) ||
          (b.row.rssBytes ?? 0) - (a.row.rssBytes ?? 0) ||
          a.row.pid - b.row.pid,
      )
      const shown = items.slice(0, INSTANCES_MAX).map(({ row, endMs, trend }) => ({
        ...row,
        endTime: endMs === null ? null : new Date(endMs).toISOString(),
        rssTrend: trend,
      }))
      return { items: shown, more: items.length - shown.length }
    },
  }
}

/** Applies frames to a table one by one and shows each state of it to the collector. */
export async function collectFrames(rows: Rows, frames: readonly Frame[], collector: InstanceCollector): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    if (index % FRAMES_AT_ONCE === FRAMES_AT_ONCE - 1) await setImmediate()
    applyFrame(rows, fromBinary(ProcessTableSchema, frame.table), frame.keyFrame)
    collector.see(frame.timeMs, rows.values())
  }
}
