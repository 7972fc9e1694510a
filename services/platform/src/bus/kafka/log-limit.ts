const EVERY_MS = 30_000
const KINDS_MAX = 100

/**
 * Says which lines of a kind are worth logging: while brokers are away each client would write dozens a second. The
 * first one is, and after that one in 30 s, with how many were left out before it.
 */
export function createLogLimit(nowMs: () => number = () => performance.now()): (kind: string) => number | null {
  const kinds = new Map<string, { loggedAtMs: number; leftOut: number }>()
  return (kind) => {
    const known = kinds.get(kind)
    const now = nowMs()
    if (known !== undefined && now - known.loggedAtMs < EVERY_MS) {
      known.leftOut += 1
      return null
    }
    // Texts may have numbers in them; forgetting all of them costs a line each.
    if (known === undefined && kinds.size >= KINDS_MAX) kinds.clear()
    kinds.set(kind, { loggedAtMs: now, leftOut: 0 })
    return known?.leftOut ?? 0
  }
}
