import type { ProcessItem } from '../api/types.ts'

const stepMs = 5000
const points = 60

/** How many points at the end of a silent process's trail were drawn from values that had stopped coming. */
function silentPoints(item: ProcessItem, nowMs: number): number {
  const heardMs = item.metrics ? Date.parse(item.metrics.timestamp) : 0
  return Math.min(points, Math.max(1, Math.floor((nowMs - heardMs) / stepMs)))
}

/**
 * CPU of each process over the last five minutes, a point each 5 s: at first what the server has kept, then what comes
 * live. Gaps stay gaps (NaN): what was not seen is not drawn as calm. Bounded by forgetting processes that are gone.
 */
export function createHistory() {
  const rings = new Map<string, Float32Array>()
  let last = 0

  return {
    stepMs,
    /** Begins anew with what the server kept up to now. */
    fill(
      nowMs: number,
      items: Iterable<{ readonly processId: string; readonly trail: readonly (number | null)[] }>,
    ): void {
      rings.clear()
      last = Math.floor(nowMs / stepMs)
      for (const { processId, trail } of items) {
        const ring = new Float32Array(points).fill(Number.NaN)
        const kept = trail.slice(-points)
        for (const [i, value] of kept.entries()) ring[points - kept.length + i] = value ?? Number.NaN
        rings.set(processId, ring)
      }
    },
    /** `clockOffsetMs` is what the server's clock is ahead by: it says how long a silent process has been silent. */
    add(nowMs: number, items: Iterable<ProcessItem>, clockOffsetMs = 0): void {
      const step = Math.floor(nowMs / stepMs)
      const shift = last === 0 ? points : Math.min(points, step - last)
      if (shift <= 0) return
      last = step
      const seen = new Set<string>()
      for (const item of items) {
        seen.add(item.processId)
        let ring = rings.get(item.processId)
        if (!ring) {
          ring = new Float32Array(points).fill(Number.NaN)
          rings.set(item.processId, ring)
        }
        ring.copyWithin(0, shift)
        ring.fill(Number.NaN, points - shift)
        if (item.status !== 'silent') ring[points - 1] = item.metrics?.values.cpuCores ?? Number.NaN
        else ring.fill(Number.NaN, points - silentPoints(item, nowMs + clockOffsetMs))
      }
      for (const id of rings.keys()) if (!seen.has(id)) rings.delete(id)
    },
    /** Oldest first; a copy, so that a drawing never changes under the reader. */
    of: (id: string): readonly number[] => Array.from(rings.get(id) ?? []),
  }
}
