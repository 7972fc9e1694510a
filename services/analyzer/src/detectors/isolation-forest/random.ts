import { createHash } from 'node:crypto'

/** A deterministic generator of 32-bit numbers: xoshiro128** (Blackman and Vigna, 2018). Period 2^128 - 1. */
export interface Random {
  /** Uniform over the integers 0 to 2^32 - 1. */
  nextUint32(): number
  /** Uniform over the integers 0 to `bound` - 1; `bound` from 1 to 2^32. */
  nextBelow(bound: number): number
  /** Uniform in [0, 1) with 53 bits. */
  nextUnit(): number
}

const MASK_64 = (1n << 64n) - 1n

/** One step of splitmix64 (Steele, Lea and Flood, 2014), which spreads a seed over a larger state. */
export function splitmix64(state: bigint): { readonly state: bigint; readonly value: bigint } {
  const next = (state + 0x9e3779b97f4a7c15n) & MASK_64
  let z = next
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64
  return { state: next, value: z ^ (z >> 31n) }
}

/** `seed` is 64 bits; what is above them is ignored. */
export function createRandom(seed: bigint): Random {
  const first = splitmix64(seed & MASK_64)
  const second = splitmix64(first.state)
  return createXoshiro(new Uint32Array(new BigUint64Array([first.value, second.value]).buffer))
}

/** The generator from its four words of state, which must not all be zero; they are copied. */
export function createXoshiro(words: Uint32Array): Random {
  let [a = 0, b = 0, c = 0, d = 0] = words
  const nextUint32 = (): number => {
    const times5 = Math.imul(b, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }
  return {
    nextUint32,
    // Multiplying instead of dividing; the bias is below bound / 2^53, far less than could be noticed here.
    nextBelow: (bound) => Math.floor(unit(nextUint32) * bound),
    nextUnit: () => unit(nextUint32),
  }
}

function unit(nextUint32: () => number): number {
  const high = nextUint32() >>> 5
  const low = nextUint32() >>> 6
  return (high * 67_108_864 + low) / 9_007_199_254_740_992
}

/** The first 8 bytes of a SHA-256 over the parts, each preceded by its length in bytes: 64 bits. */
export function seedOf(...parts: readonly string[]): bigint {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return hash.digest().readBigUInt64LE(0)
}
