import { createHash } from 'node:crypto'

/**
 * When a poll has its turn: every `everyMs`, at a phase that follows from its id, so that polls of one interval are
 * spread over it, also over instances and restarts. Times are milliseconds since the Unix epoch.
 */
export interface Turns {
  /** The first turn after `nowMs`. */
  after(nowMs: number): number
}

/** Part of the interval by which a turn comes later by chance, and the most: targets do not see polls in step. */
const JITTER = 0.02
const JITTER_MS_MAX = 250

export function createTurns(id: string, everyMs: number, random: () => number): Turns {
  const phaseMs = createHash('sha256').update(id).digest().readUInt32BE() % everyMs
  const jitterMs = Math.min(everyMs * JITTER, JITTER_MS_MAX)
  return {
    after(nowMs) {
      const turns = Math.floor((nowMs - phaseMs) / everyMs) + 1
      return Math.round(turns * everyMs + phaseMs + random() * jitterMs)
    },
  }
}
