/** Random moments that can be had again: the same seed gives the same ones. */
export interface SeededRandom {
  readonly seed: number
  /** A number from 0 up to the limit. */
  below(limit: number): number
  pick<T>(items: readonly T[]): T
}

/** The seed is printed; `DRIFTLINE_FAULT_SEED` sets it. */
export function createSeededRandom(what: string): SeededRandom {
  const seed = Number(process.env.DRIFTLINE_FAULT_SEED ?? Math.floor(Math.random() * 1e9))
  process.stdout.write(`${what}: seed ${seed}\n`)
  let state = seed >>> 0
  const next = (): number => {
    // mulberry32, after Tommy Ettinger's description.
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    seed,
    below: (limit) => next() * limit,
    pick: (items) => items[Math.floor(next() * items.length)]!,
  }
}
