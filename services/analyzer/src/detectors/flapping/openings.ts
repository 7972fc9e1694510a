import type { ExcursionEvent } from '../../detection/detector.ts'

/** So many openings within the window are flapping; no opening, and none held back, for the calm is its end. */
const OPENINGS_MIN = 4
const WINDOW_MS = 1_800_000
const CALM_MS = 600_000
/** What is out of normal without a break for so long is no flapping: it may open. */
const HELD_MAX_MS = 600_000

/** Openings of one kind of excursion of a process. Plain data. */
export interface Openings {
  readonly type: string
  readonly track: number
  readonly rule: string
  severity: ExcursionEvent['severity']
  /** Event times of openings, and of excursions that were held back, within the window. */
  times: number[]
  /** Start of the excursion that was held back last; it is counted once. */
  heldStartMs: number
  lastMs: number
  flapping: boolean
}

export const openingsKey = ({ type, track, rule }: Pick<ExcursionEvent, 'type' | 'track' | 'rule'>): string =>
  `${type}/${track}/${rule}`

export function createOpenings({ type, track, rule, severity }: ExcursionEvent): Openings {
  return { type, track, rule, severity, times: [], heldStartMs: Number.NaN, lastMs: 0, flapping: false }
}

export function noteOpening(openings: Openings, { timeMs, severity }: ExcursionEvent): void {
  openings.times.push(timeMs)
  openings.lastMs = timeMs
  if (severity > openings.severity) openings.severity = severity
  keepWindow(openings, timeMs)
  if (openings.times.length >= OPENINGS_MIN) openings.flapping = true
}

/** Whether an excursion that would open now is held back; if so, it counts as one more. */
export function holdBack(openings: Openings, { startMs, timeMs }: ExcursionEvent): boolean {
  if (!openings.flapping || timeMs - startMs > HELD_MAX_MS) return false
  openings.lastMs = timeMs
  if (openings.heldStartMs !== startMs) {
    openings.heldStartMs = startMs
    openings.times.push(timeMs)
    keepWindow(openings, timeMs)
  }
  return true
}

/** Lets time pass; answers whether anything is left to remember. */
export function passOpenings(openings: Openings, nowMs: number): boolean {
  keepWindow(openings, nowMs)
  if (nowMs - openings.lastMs > CALM_MS) openings.flapping = false
  return openings.flapping || openings.times.length > 0
}

function keepWindow(openings: Openings, nowMs: number): void {
  if (openings.times[0]! <= nowMs - WINDOW_MS) {
    openings.times = openings.times.filter((time) => time > nowMs - WINDOW_MS)
  }
}

export const windowMinutes = WINDOW_MS / 60_000
