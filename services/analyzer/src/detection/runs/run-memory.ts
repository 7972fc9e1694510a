/** What detection knows of the runs of one flow. Plain data, stored with its unit; bounded in every part. */
export interface FlowMemory {
  /** Version of the definition that the steps are of. */
  version: number
  readonly steps: Map<string, DurationMemory>
  readonly total: DurationMemory
  readonly openRuns: OpenRun[]
  /** Runs that have ended, the newest last: what comes of them afterwards is passed over. */
  readonly endedRuns: string[]
  /** End of the newest run, event time; -Infinity before the first. */
  lastEndMs: number
  /** Failed runs since the last success. */
  failures: number
  failed: OpenAnomaly | null
}

/** How long a step, or a whole run, usually takes. Milliseconds. */
export interface DurationMemory {
  number: number
  name: string
  /** Of the last successes, in any order; `next` is the one that goes next. */
  readonly durations: number[]
  next: number
  /** End of the newest that was judged. */
  lastMs: number
  slow: OpenAnomaly | null
}

/** An anomaly that is open, as its last record said. */
export interface OpenAnomaly {
  readonly anomaly: Uint8Array
  /** What is said of it once it is over. */
  readonly wordsOver: string
  /** When it was found last, and when its last record was made: event time. */
  lastMs: number
  recordedMs: number
  /** Whether its last record speaks of something that had not ended. */
  isRunning: boolean
}

export interface OpenRun {
  readonly run: string
  revision: number
  startMs: number
  /** When the bus stored the last that was heard of it. */
  heardMs: number
  step: { readonly key: string; readonly startMs: number } | null
  /** Keys of the steps whose end was judged. */
  readonly judged: string[]
}

/** What a duration is held against. Milliseconds. */
export interface Normal {
  readonly medianMs: number
  /** Robust standard deviation. */
  readonly sigmaMs: number
  /** From here on it is out of the usual, and from there on by far. */
  readonly limitMs: number
  /** So far it must go for an excursion to begin: above what a fifth of the successes took, too. */
  readonly openMs: number
  readonly criticalMs: number
}

const KEPT = 64
const LEARNT_AFTER = 8
const MULTIPLE = 3
const CRITICAL_MULTIPLE = 10
const SIGMAS = 6
const DIFFERENCE_MS_MIN = 100
/** Nobody is woken for less than a second, however many times more than usual it is. */
const CRITICAL_DIFFERENCE_MS_MIN = 1000
/** Standard deviation of a normal distribution whose median absolute deviation is 1. */
const SIGMA_OF_MAD = 1.4826
/** Where runs are of two kinds, quick and slow, the slow ones are usual, too. */
const UPPER_SHARE = 0.8
const UPPER_MULTIPLE = 1.5
/** What repeats to the millisecond still has some spread. */
const SIGMA_SHARE_MIN = 0.02

export const createDurationMemory = (number: number, name: string): DurationMemory => ({
  number,
  name,
  durations: [],
  next: 0,
  lastMs: Number.NEGATIVE_INFINITY,
  slow: null,
})

export const createFlowMemory = (): FlowMemory => ({
  version: 0,
  steps: new Map(),
  total: createDurationMemory(0, ''),
  openRuns: [],
  endedRuns: [],
  lastEndMs: Number.NEGATIVE_INFINITY,
  failures: 0,
  failed: null,
})

export function learnDuration(memory: DurationMemory, durationMs: number): void {
  if (!Number.isFinite(durationMs) || durationMs < 0) return
  memory.durations[memory.next] = durationMs
  memory.next = (memory.next + 1) % KEPT
}

/** Null while too few are known. */
export function normalOf({ durations }: DurationMemory): Normal | null {
  if (durations.length < LEARNT_AFTER) return null
  const sorted = [...durations].sort((a, b) => a - b)
  const medianMs = medianOf(sorted)
  const spreadMs = medianOf(sorted.map((each) => Math.abs(each - medianMs)).sort((a, b) => a - b))
  const sigmaMs = Math.max(SIGMA_OF_MAD * spreadMs, SIGMA_SHARE_MIN * medianMs, 1)
  const farMs = Math.max(medianMs + SIGMAS * SIGMA_OF_MAD * spreadMs, medianMs + DIFFERENCE_MS_MIN)
  const limitMs = Math.max(MULTIPLE * medianMs, farMs)
  return {
    medianMs,
    sigmaMs,
    limitMs,
    openMs: Math.max(limitMs, UPPER_MULTIPLE * sorted[Math.floor(UPPER_SHARE * (sorted.length - 1))]!),
    criticalMs: Math.max(CRITICAL_MULTIPLE * medianMs, farMs, medianMs + CRITICAL_DIFFERENCE_MS_MIN),
  }
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
