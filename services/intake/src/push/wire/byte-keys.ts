import { createIdTable } from '@driftline/platform/id-table'

/**
 * Numbers by bytes: what was seen before is found again by a hash of the bytes that described it, so that a repeat
 * makes no string and no object. A key is built up: `begin`, any number of `fold`, then `find` or `keep`.
 */
export interface ByteKeys {
  readonly size: number
  begin(): void
  /** Takes `bytes[start..end)` into the key. The boundaries count: "ab" and "c" is another key than "a" and "bc". */
  fold(view: DataView, start: number, end: number): void
  foldNumber(word: number): void
  /** Goes on from a state that `low()` and `high()` gave, instead of from `begin`. */
  resume(low: number, high: number): void
  low(): number
  high(): number
  /** The number that was kept for the key; -1 for none. */
  find(): number
  /** False when there is no more room. */
  keep(value: number): boolean
  clear(): void
}

/**
 * The hash has 64 bits in two lanes with a secret seed: the chance that any two of 200,000 keys share one is about one
 * in a billion. Bytes are not compared beyond it: a tenant that could make two meet would confuse its own series only.
 */
export function createByteKeys(options: { readonly maxSize: number; readonly seed: number }): ByteKeys {
  const seed = options.seed | 0
  let table = createIdTable({ maxSize: options.maxSize, seed })
  let a = 0
  let b = 0

  return {
    get size() {
      return table.size
    },
    begin() {
      a = seed
      b = ~seed
    },
    resume(low, high) {
      a = low
      b = high
    },
    fold(view, start, end) {
      // Each lane mixes every word with constants of its own, those of MurmurHash3, and depends on their order.
      let x = a
      let y = b
      const words = start + ((end - start) & ~3)
      let at = start
      for (; at <= words; at += 4) {
        let word: number
        if (at < words) word = view.getInt32(at, true)
        else {
          word = end - start
          for (let i = words; i < end; i++) word = (word << 8) | view.getUint8(i)
        }
        x = Math.imul(x ^ Math.imul(word, 0xcc9e2d51), 0x1b873593)
        x = (((x << 13) | (x >>> 19)) + 0x6b64) | 0
        y = Math.imul((y + word) | 0, 0x85ebca6b)
        y ^= (y >>> 15) ^ x
      }
      a = x
      b = y
    },
    foldNumber(word) {
      a = Math.imul(a ^ Math.imul(word, 0xcc9e2d51), 0x1b873593) | 0
      b = (Math.imul((b + word) | 0, 0x85ebca6b) ^ a) | 0
    },
    low: () => a,
    high: () => b,
    find: () => table.get(finish(a), finish(b ^ a)),
    keep: (value) => table.set(finish(a), finish(b ^ a), value),
    clear() {
      table = createIdTable({ maxSize: options.maxSize, seed })
    },
  }
}

function finish(lane: number): number {
  let hash = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
