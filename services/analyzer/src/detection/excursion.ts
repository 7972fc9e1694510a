import { createHash } from 'node:crypto'
import type { Severity } from '@driftline/proto'
import type { Finding } from './detector.ts'

/** What a detector looked at when it reported: a bucket, a minute, or the passing of time. */
export type Cadence = 'bucket' | 'minute' | 'time'

/** Why an excursion ended. */
export type Ending = 'calm' | 'gone' | 'silent' | 'switched_off' | 'explained' | 'forgotten'

/** One subject that is, or may be, out of its normal. Plain data: it is stored as it is. */
export interface Excursion {
  readonly type: string
  readonly process: number
  readonly track: number
  readonly rule: string
  readonly openAfterMs: number
  readonly closeAfterMs: number
  cadence: Cadence
  /** Start of the first bucket in which it was reported, and end of the last. */
  readonly startMs: number
  lastMs: number
  /** End of the last bucket in which it could be judged. */
  judgedMs: number
  /** Start of the calm that it is in; NaN while it is reported. */
  calmSinceMs: number
  /** Empty while it is not open. */
  id: string
  severity: Severity.INFO | Severity.WARNING | Severity.CRITICAL
  finding: Finding
  worstValue: number
  worstScore: number
  revision: number
  /** Event time and score of the last record. */
  recordedMs: number
  recordedScore: number
}

export const excursionKey = (type: string, process: number, track: number, rule: string): string =>
  `${type}/${process}/${track}/${rule}`

/**
 * The id of an anomaly: 128 bits of a SHA-256 over what makes it one, each part preceded by its length in bytes. The
 * same input gives the same id, so that what a replay finds again is known.
 */
export function anomalyId(parts: {
  readonly tenant: string
  readonly process: string
  readonly type: string
  readonly metric: string
  readonly attributes: string
  readonly rule: string
  readonly startMs: number
}): string {
  const { tenant, process, type, metric, attributes, rule, startMs } = parts
  const hash = createHash('sha256')
  for (const part of [tenant, process, type, metric, attributes, rule, String(startMs)]) {
    hash.update(`${Buffer.byteLength(part)}:${part}`)
  }
  return hash.digest('hex').slice(0, 32)
}
