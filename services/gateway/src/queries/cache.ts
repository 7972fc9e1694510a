import type { Clock } from '@driftline/platform/clock'

/** What `/api/v1/status` shows of a cache. */
export interface CacheLine {
  readonly name: string
  readonly about: string
  readonly lifetimeSeconds: number
  readonly entries: number
  readonly limit: number
  readonly hits: number
  readonly misses: number
}

/** Answers kept for a while. Bounded: past the limit the oldest entry goes. Failures are not kept. */
export interface Cache<T> {
  /** The kept answer, or that of `load`; callers that ask for the same at once share one load. */
  get(key: string, load: () => Promise<T>): Promise<T>
  forget(key: string): void
  line(): CacheLine
}

export interface CacheOptions {
  readonly name: string
  readonly about: string
  readonly lifetimeMs: number
  readonly limit: number
}

export function createCache<T>(options: CacheOptions, clock: Clock): Cache<T> {
  const entries = new Map<string, { untilMs: number; value: Promise<T> }>()
  let hits = 0
  let misses = 0
  return {
    get(key, load) {
      const known = entries.get(key)
      if (known && known.untilMs > clock.nowMs()) {
        hits++
        return known.value
      }
      misses++
      const value = load()
      entries.delete(key)
      if (entries.size >= options.limit) entries.delete(entries.keys().next().value ?? '')
      entries.set(key, { untilMs: clock.nowMs() + options.lifetimeMs, value })
      value.catch(() => {
        if (entries.get(key)?.value === value) entries.delete(key)
      })
      return value
    },
    forget: (key) => void entries.delete(key),
    line: () => ({
      name: options.name,
      about: options.about,
      lifetimeSeconds: options.lifetimeMs / 1000,
      entries: entries.size,
      limit: options.limit,
      hits,
      misses,
    }),
  }
}
