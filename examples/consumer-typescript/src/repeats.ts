/** Tells records that were stored twice. */
export interface Repeats {
  isRepeat(partition: number, source: string, epoch: string, sequence: string): boolean
}

/**
 * Driftline delivers at least once: a source that did not hear that its batch was stored sends it again. Each record
 * names its source, the source's start (epoch) and a sequence that only grows within them, so what is not above the
 * highest sequence of its epoch was there before. A consumer that must not count twice across restarts stores this map
 * together with its own results.
 */
export function createRepeats(): Repeats {
  const highest = new Map<string, bigint>()
  return {
    isRepeat(partition, source, epoch, sequence) {
      const key = JSON.stringify([partition, source, epoch])
      const current = BigInt(sequence)
      if (current <= (highest.get(key) ?? -1n)) return true
      highest.set(key, current)
      return false
    },
  }
}
