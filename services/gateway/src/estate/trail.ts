/** A short memory of one value: a point each step, up to five minutes. */
export const TRAIL_STEP_MS = 5000
export const TRAIL_POINTS = 60

export interface Trail {
  /** A ring by step number modulo its length; NaN where nothing was heard. */
  readonly ring: Float32Array
  /** Number of the newest step in it since 1970. */
  step: number
}

export function createTrail(): Trail {
  return { ring: new Float32Array(TRAIL_POINTS).fill(Number.NaN), step: 0 }
}

/** Notes a value at its event time; the last of a step counts. What is older than the ring is passed over. */
export function noteTrail(trail: Trail, timeMs: number, value: number | null): void {
  const step = Math.floor(timeMs / TRAIL_STEP_MS)
  if (step <= trail.step - TRAIL_POINTS) return
  // Steps that nobody spoke in hold values of five minutes ago.
  for (let skipped = Math.max(trail.step + 1, step - TRAIL_POINTS + 1); skipped <= step; skipped++) {
    trail.ring[skipped % TRAIL_POINTS] = Number.NaN
  }
  trail.step = Math.max(trail.step, step)
  trail.ring[step % TRAIL_POINTS] = value ?? Number.NaN
}

/** The points up to a moment, oldest first, from the first that is known on; empty for none. */
export function trailUpTo(trail: Trail, nowMs: number): (number | null)[] {
  const last = Math.floor(nowMs / TRAIL_STEP_MS)
  const points: (number | null)[] = []
  for (let step = last - TRAIL_POINTS + 1; step <= last; step++) {
    const inRing = step <= trail.step && step > trail.step - TRAIL_POINTS
    const value = inRing ? trail.ring[step % TRAIL_POINTS]! : Number.NaN
    if (!Number.isNaN(value)) points.push(Math.round(value * 1000) / 1000)
    else if (points.length > 0) points.push(null)
  }
  return points
}
