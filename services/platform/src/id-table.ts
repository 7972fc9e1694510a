import assert from 'node:assert/strict'

/**
 * A map from 64-bit ids, given as two halves of 32 bits, to numbers from 0 to 2^31 - 1. It lives in typed arrays, so
 * that looking up an id on a hot path makes no object; a `Map` with BigInt keys makes one for each look-up.
 */
export interface IdTable {
  readonly size: number
  /** The number of an id, or -1. */
  get(low: number, high: number): number
  /** Adds or replaces. Answers false, and changes nothing, when the table is full. */
  set(low: number, high: number, value: number): boolean
}

/**
 * `maxSize` bounds the ids; memory follows what is stored. Where others choose the ids, give a secret random `seed`, so
 * that nobody can choose ids that collide.
 */
export function createIdTable(options: { readonly maxSize: number; readonly seed: number }): IdTable {
  let capacity = 64
  let mask = capacity - 1
  let lows = new Uint32Array(capacity)
  let highs = new Uint32Array(capacity)
  let values = new Int32Array(capacity).fill(-1)
  let size = 0
  const seed = options.seed | 0

  // The finishing steps of MurmurHash3 over both halves, with the seed between them.
  const slotOf = (low: number, high: number): number => {
    let hash = Math.imul(low ^ seed, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13) ^ high, 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 16) ^ seed, 0x27d4eb2f)
    let slot = (hash ^ (hash >>> 15)) & mask
    while (values[slot] !== -1 && (lows[slot] !== low || highs[slot] !== high)) slot = (slot + 1) & mask
    return slot
  }

  const grow = (): void => {
    const old = { lows, highs, values }
    capacity *= 2
    mask = capacity - 1
    lows = new Uint32Array(capacity)
    highs = new Uint32Array(capacity)
    values = new Int32Array(capacity).fill(-1)
    for (let i = 0; i < old.values.length; i++) {
      const value = old.values[i]!
      if (value === -1) continue
      const slot = slotOf(old.lows[i]!, old.highs[i]!)
      lows[slot] = old.lows[i]!
      highs[slot] = old.highs[i]!
      values[slot] = value
    }
  }

  return {
    get size() {
      return size
    },
    get: (low, high) => values[slotOf(low, high)]!,
    set(low, high, value) {
      assert(value >= 0, 'values are not negative')
      let slot = slotOf(low, high)
      if (values[slot] === -1) {
        if (size >= options.maxSize) return false
        if ((size + 1) * 2 > capacity) {
          grow()
          slot = slotOf(low, high)
        }
        size += 1
      }
      lows[slot] = low
      highs[slot] = high
      values[slot] = value
      return true
    },
  }
}
