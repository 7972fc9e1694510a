import type { ProcessStatus } from '../schemas/processes.ts'

/** A source counts as silent after five of its intervals, and never before this time. */
const SILENT_AFTER_MS_MIN = 15_000
const SILENT_AFTER_INTERVALS = 5
/** Kinds that speak when something happens are heard less often than hosts, which are asked every second. */
export const silentAfterMs = {
  host: 15_000,
  os: 15_000,
  device: 60_000,
  log: 300_000,
  service: 300_000,
  flow: 86_400_000,
}
/** A process is being learnt for its first half hour at most, baselines or not. */
export const LEARNING_MS = 30 * 60_000
/** A group without an instance stays in the overview for this long. */
export const INACTIVE_AFTER_MS = 60 * 60_000

export interface StatusInput {
  readonly nowMs: number
  /** When anything of it, or of the host that reports it, was last heard. */
  readonly lastHeardMs: number
  /** Interval of its source, or null where that is not known. */
  readonly intervalMs: number | null
  /** Never silent before; 15 s without it. */
  readonly silentAfterMs?: number
  readonly firstSeenMs: number
  /** Whether a deviation from its normal was ever known. */
  readonly learnt: boolean
  /** Severity of its worst open anomaly; null without one. */
  readonly worst: 'info' | 'warning' | 'critical' | null
}

type SilenceInput = Pick<StatusInput, 'nowMs' | 'lastHeardMs' | 'intervalMs' | 'silentAfterMs'>

export function isSilent(input: SilenceInput): boolean {
  const limitMs = Math.max(input.silentAfterMs ?? SILENT_AFTER_MS_MIN, SILENT_AFTER_INTERVALS * (input.intervalMs ?? 0))
  return input.nowMs - input.lastHeardMs > limitMs
}

/**
 * The status of a process: its worst open anomaly, else silence, else that it is being learnt - until a first deviation
 * is known, and for its first half hour at most. Anomalies of severity `info` change nothing.
 */
export function statusOf(input: StatusInput): ProcessStatus {
  if (input.worst === 'critical' || input.worst === 'warning') return input.worst
  if (isSilent(input)) return 'silent'
  return isLearning(input) ? 'learning' : 'ok'
}

export function isLearning(input: Pick<StatusInput, 'nowMs' | 'firstSeenMs' | 'learnt'>): boolean {
  return !input.learnt && input.nowMs - input.firstSeenMs < LEARNING_MS
}
