/** Gaps that make a rhythm, and how long they must have been seen. */
const GAPS_MIN = 10
const SEEN_MIN_MS = 120_000
/** What strays farther from its interval than this share of it has none. */
const STRAY_MAX = 0.5
/** The interval is a mean of about so many gaps. */
const MEMORY = 32
/** Share of gaps that were silences; more than this, and what was learnt is no longer true. */
const SILENCES_MAX = 0.2
const SILENCE_WEIGHT = 0.05
/** So many intervals are waited for: fewer of those that take long. */
const WAITED_MIN_MS = 30_000
const WAITED = 5
const WAITED_OF_LONG = 3
const LONG_MS = 60_000
const STRAYS_WAITED = 6

/** When tracks send, a column each. Event times in milliseconds; 0 before the first. */
export interface Rhythms {
  firstMs: Float64Array
  lastMs: Float64Array
  intervalMs: Float32Array
  strayMs: Float32Array
  silences: Float32Array
  gaps: Uint16Array
}

export function createRhythms(size: number): Rhythms {
  return {
    firstMs: new Float64Array(size),
    lastMs: new Float64Array(size),
    intervalMs: new Float32Array(size),
    strayMs: new Float32Array(size),
    silences: new Float32Array(size),
    gaps: new Uint16Array(size),
  }
}

/** Longer columns with the same content, with room for `track`. */
export function grownRhythms(from: Rhythms, track: number): Rhythms {
  const to = createRhythms(Math.max(track + 1, from.firstMs.length * 2))
  for (const name of ['firstMs', 'lastMs', 'intervalMs', 'strayMs', 'silences', 'gaps'] as const)
    to[name].set(from[name])
  return to
}

export function forgetRhythm(rhythms: Rhythms, track: number): void {
  if (track >= rhythms.firstMs.length) return
  for (const name of ['firstMs', 'lastMs', 'intervalMs', 'strayMs', 'silences', 'gaps'] as const)
    rhythms[name][track] = 0
}

/** Takes in that a track has sent; a time that is not later than the last is passed over. */
export function noteSent(rhythms: Rhythms, track: number, timeMs: number): void {
  const { firstMs, lastMs, intervalMs, strayMs, silences, gaps } = rhythms
  const last = lastMs[track]!
  if (last === 0) {
    firstMs[track] = timeMs
    lastMs[track] = timeMs
    return
  }
  const gapMs = timeMs - last
  if (gapMs <= 0) return
  const wasSilence = isRegular(rhythms, track) && gapMs > waitedMs(rhythms, track)
  lastMs[track] = timeMs
  silences[track]! += SILENCE_WEIGHT * ((wasSilence ? 1 : 0) - silences[track]!)
  if (silences[track]! > SILENCES_MAX) {
    gaps[track] = 0
    silences[track] = 0
    firstMs[track] = last
  }
  if (wasSilence && gaps[track] !== 0) return
  gaps[track] = Math.min(65_535, gaps[track]! + 1)
  const weight = 1 / Math.min(gaps[track]!, MEMORY)
  const stray = gaps[track] === 1 ? 0 : Math.abs(gapMs - intervalMs[track]!)
  intervalMs[track]! += weight * (gapMs - intervalMs[track]!)
  strayMs[track]! += weight * (stray - strayMs[track]!)
}

export function isRegular({ firstMs, lastMs, intervalMs, strayMs, gaps }: Rhythms, track: number): boolean {
  const wasSeenMs = lastMs[track]! - firstMs[track]!
  return gaps[track]! >= GAPS_MIN && wasSeenMs >= SEEN_MIN_MS && strayMs[track]! <= STRAY_MAX * intervalMs[track]!
}

/** How long a regular track may be silent. */
export function waitedMs({ intervalMs, strayMs }: Rhythms, track: number): number {
  const interval = intervalMs[track]!
  const waited = interval * (interval < LONG_MS ? WAITED : WAITED_OF_LONG)
  return Math.max(WAITED_MIN_MS, waited, interval + STRAYS_WAITED * strayMs[track]!)
}
