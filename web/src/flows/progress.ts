/** Where the mark of the normal time stands on the bar while there is room behind it. */
const markAt = 0.612
const fullAt = 0.97

export interface Progress {
  /** Shares of the bar, 0..1. */
  readonly done: number
  readonly mark: number | null
}

/**
 * A bar that ends at the timeout; where the normal time is far below that, it ends so that the mark of the normal
 * stands at 61 %, and grows with a step that takes longer still. It never jumps. Milliseconds.
 */
export function progressOf(elapsedMs: number, normalMs: number | null, timeoutMs: number | null): Progress {
  const elapsed = Math.max(0, elapsedMs)
  const wished = normalMs !== null && normalMs > 0 ? Math.max(normalMs / markAt, elapsed / fullAt) : null
  const end = Math.min(wished ?? timeoutMs ?? Math.max(elapsed / fullAt, 10_000), timeoutMs ?? Number.POSITIVE_INFINITY)
  if (!(end > 0)) return { done: 0, mark: null }
  const mark = normalMs !== null && normalMs > 0 && normalMs < end ? normalMs / end : null
  return { done: Math.min(1, elapsed / end), mark }
}
