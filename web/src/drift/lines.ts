import type { Deviation } from './score.ts'

/** A drift line: a point per minute, oldest first. */
export interface DriftLine {
  /** Start of the minute of the last point, ms. */
  readonly endsAtMs: number
  readonly deviations: readonly Deviation[]
}

const minuteMs = 60_000
const pointsMax = 60
/** A minute is judged when it is over: so many may be missing at the end before that is silence. */
const lateMinutes = 2

export const emptyLine: DriftLine = { endsAtMs: 0, deviations: [] }

interface Sent {
  readonly processId: string
  readonly driftLine?: { readonly endsAt: string; readonly deviations: readonly Deviation[] } | null
}

/** The line with `deviation` at the minute of `timeMs`; older minutes than it holds are left alone. */
export function withPoint(line: DriftLine, timeMs: number, deviation: Deviation): DriftLine {
  const minute = Math.floor(timeMs / minuteMs) * minuteMs
  if (line.deviations.length === 0) return { endsAtMs: minute, deviations: [deviation] }
  const after = Math.round((minute - line.endsAtMs) / minuteMs)
  if (after <= 0) {
    const index = line.deviations.length - 1 + after
    if (index < 0 || line.deviations[index] === deviation) return line
    return { ...line, deviations: line.deviations.with(index, deviation) }
  }
  const between = new Array<Deviation>(Math.min(after - 1, pointsMax)).fill(null)
  return { endsAtMs: minute, deviations: [...line.deviations, ...between, deviation].slice(-pointsMax) }
}

/** The hour up to `nowMs`: what is missing at the end is unknown, and what is missing at the start, too. */
export function hourUpTo(line: DriftLine, nowMs: number): DriftLine {
  const missing = Math.floor(nowMs / minuteMs) - Math.floor(line.endsAtMs / minuteMs)
  const empty = missing > lateMinutes ? Math.min(pointsMax, missing - 1) : 0
  if (line.deviations.length === pointsMax && empty === 0) return line
  const tail = new Array<Deviation>(empty).fill(null)
  const points = [...line.deviations, ...tail].slice(-pointsMax)
  const head = new Array<Deviation>(pointsMax - points.length).fill(null)
  return { endsAtMs: line.endsAtMs + empty * minuteMs, deviations: [...head, ...points] }
}

/**
 * The drift lines of the estate. A line is replaced when it changes and the same object while it does not, so that a
 * drawing is made again only when there is something new to draw.
 */
export function createDriftLines() {
  const lines = new Map<string, DriftLine>()
  const shown = new Map<string, { readonly of: DriftLine; readonly minute: number; readonly line: DriftLine }>()

  return {
    fill(items: Iterable<Sent>): void {
      lines.clear()
      shown.clear()
      for (const { processId, driftLine } of items) {
        if (driftLine)
          lines.set(processId, { endsAtMs: Date.parse(driftLine.endsAt), deviations: driftLine.deviations })
      }
    },
    put(processId: string, timeMs: number, deviation: Deviation): void {
      lines.set(processId, withPoint(lines.get(processId) ?? emptyLine, timeMs, deviation))
    },
    forget(processId: string): void {
      lines.delete(processId)
      shown.delete(processId)
    },
    /** The hour up to `nowMs`; without any point where nothing was ever known. */
    of(processId: string, nowMs: number): DriftLine {
      const line = lines.get(processId)
      if (!line || line.deviations.length === 0) return emptyLine
      const minute = Math.floor(nowMs / minuteMs)
      const before = shown.get(processId)
      if (before?.of === line && before.minute === minute) return before.line
      const next = hourUpTo(line, nowMs)
      shown.set(processId, { of: line, minute, line: next })
      return next
    },
    all: (): Iterable<DriftLine> => lines.values(),
  }
}
