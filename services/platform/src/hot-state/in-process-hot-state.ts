import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { HotState } from './hot-state.ts'
import { checkCount, checkKey, checkTtl, checkValue } from './values.ts'

export interface InProcessHotStateConfig {
  /** Most keys held at once. Beyond it expired keys go first, then those that would expire first. */
  readonly maxKeys: number
}

interface Entry {
  value: string
  expiresAtMs: number
}

/** Hot state of a single process. */
export function createInProcessHotState(config: InProcessHotStateConfig, deps: { readonly clock: Clock }): HotState {
  const entries = new Map<string, Entry>()
  let stopped = false

  const find = (key: string): Entry | undefined => {
    if (stopped) throw new AppError('stopped', 'The hot state has been stopped')
    const entry = entries.get(key)
    if (entry === undefined || entry.expiresAtMs > deps.clock.nowMs()) return entry
    entries.delete(key)
    return undefined
  }
  const put = (key: string, value: string, ttlMs: number): void => {
    const nowMs = deps.clock.nowMs()
    if (!entries.has(key) && entries.size >= config.maxKeys) evict(entries, nowMs)
    entries.set(key, { value, expiresAtMs: nowMs + ttlMs })
  }

  return {
    name: 'hot-state-in-process',
    start: async () => {},
    async stop() {
      stopped = true
      entries.clear()
    },
    get: async (name) => find(valueKey(name))?.value ?? null,
    async set(name, value, ttlMs) {
      const key = valueKey(name)
      find(key)
      checkValue(value)
      put(key, value, checkTtl(ttlMs))
    },
    async delete(name) {
      const key = valueKey(name)
      if (find(key) !== undefined) entries.delete(key)
    },
    async increment(name, by, ttlMs) {
      const key = valueKey(name)
      const entry = find(key)
      checkTtl(ttlMs)
      const current = entry?.value ?? '0'
      const count = checkCount(/^(0|-?[1-9]\d*)$/.test(current) ? Number(current) + checkCount(by) : Number.NaN)
      if (entry === undefined) put(key, String(count), ttlMs)
      else entry.value = String(count)
      return count
    },
    async acquireLease(name, owner, ttlMs) {
      const key = leaseKey(name)
      const holder = find(key)
      checkValue(owner)
      checkTtl(ttlMs)
      if (holder !== undefined && holder.value !== owner) return false
      put(key, owner, ttlMs)
      return true
    },
    async releaseLease(name, owner) {
      const key = leaseKey(name)
      if (find(key)?.value === owner) entries.delete(key)
    },
  }
}

/** Leases and values share one store but never a key. */
function valueKey(name: string): string {
  return `value:${checkKey(name)}`
}

function leaseKey(name: string): string {
  return `lease:${checkKey(name)}`
}

/** Frees a sixteenth at a time, so that a full store does not search all keys for each new one. */
function evict(entries: Map<string, Entry>, nowMs: number): void {
  const byExpiry = [...entries].sort(([, a], [, b]) => a.expiresAtMs - b.expiresAtMs)
  const atLeast = Math.ceil(entries.size / 16)
  for (const [index, [key, entry]] of byExpiry.entries()) {
    if (index >= atLeast && entry.expiresAtMs > nowMs) return
    entries.delete(key)
  }
}
