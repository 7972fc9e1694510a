import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { ask, type LogRange } from './logs.ts'

export interface StoredPattern {
  readonly process: string
  /** Decimal. */
  readonly id: string
  readonly template: string
  readonly example: string
  readonly severity: number
  readonly firstMs: number
  readonly learning: boolean
}

/** Templates of processes, as they were first seen; the newest when there are too many. */
export async function readPatterns(
  store: AnalyticsStore,
  tenant: string,
  processes: readonly string[],
  limit: number,
): Promise<StoredPattern[]> {
  const rows = await ask<Omit<StoredPattern, 'learning'> & { learnt: number }>(
    store,
    `SELECT process, toString(id) AS id, any(log_patterns.template) AS template, any(log_patterns.example) AS example,
       any(log_patterns.severity) AS severity,
       toFloat64(toUnixTimestamp64Milli(min(log_patterns.first_seen))) AS firstMs, max(learning) AS learnt
     FROM log_patterns WHERE tenant = {tenant: String} AND process IN {processes: Array(String)}
     GROUP BY process, log_patterns.id ORDER BY firstMs DESC LIMIT {limit: UInt32}`,
    { tenant, processes, limit },
  )
  return rows.map(({ learnt, ...row }) => ({ ...row, learning: learnt > 0 }))
}

export interface PatternCount {
  readonly process: string
  /** Decimal. */
  readonly id: string
  /** Part of the range, from 0 on; -1 for the stretch before it. */
  readonly part: number
  readonly count: number
  readonly lastMs: number
}

/** Lines by template and part of a range, and of the stretch of the same length before it. */
export function readPatternCounts(
  store: AnalyticsStore,
  tenant: string,
  processes: readonly string[],
  range: LogRange & { readonly parts: number },
): Promise<PatternCount[]> {
  const fromMs = Math.floor(range.fromMs)
  const toMs = Math.ceil(range.toMs)
  const partMs = Math.max(1, Math.ceil((toMs - fromMs) / range.parts))
  return ask<PatternCount>(
    store,
    `SELECT process, toString(pattern) AS id, toFloat64(count()) AS count,
       toFloat64(toUnixTimestamp64Milli(max(ts))) AS lastMs,
       toFloat64(if(ts < fromUnixTimestamp64Milli({from: Int64}, 'UTC'), -1,
         intDiv(toUnixTimestamp64Milli(ts) - {from: Int64}, {part: Int64}))) AS part
     FROM logs
     WHERE tenant = {tenant: String} AND process IN {processes: Array(String)}
       AND ts >= fromUnixTimestamp64Milli({before: Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
     GROUP BY process, logs.pattern, part ORDER BY count DESC LIMIT 100000
     SETTINGS max_execution_time = 8, max_bytes_to_read = 6000000000, read_overflow_mode = 'throw'`,
    { tenant, processes, from: fromMs, to: toMs, before: fromMs - (toMs - fromMs), part: partMs },
  )
}
