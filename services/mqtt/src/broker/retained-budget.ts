/** How much is retained, by topic. */
export interface RetainedBudget {
  /** Whether the message may be kept; an empty one removes what was kept. */
  allows(topic: string, byteLength: number): boolean
  readonly count: number
  readonly bytes: number
}

/** Weight of an entry beside its topic and payload, roughly. */
const ENTRY_BYTES = 200

export function createRetainedBudget(countMax: number, bytesMax: number): RetainedBudget {
  const kept = new Map<string, number>()
  let bytes = 0
  return {
    allows(topic, byteLength) {
      const before = kept.get(topic)
      if (byteLength === 0) {
        kept.delete(topic)
        bytes -= before ?? 0
        return true
      }
      const weight = byteLength + topic.length * 2 + ENTRY_BYTES
      const after = bytes - (before ?? 0) + weight
      if (after > bytesMax || (before === undefined && kept.size >= countMax)) return false
      kept.set(topic, weight)
      bytes = after
      return true
    },
    get count() {
      return kept.size
    },
    get bytes() {
      return bytes
    },
  }
}
