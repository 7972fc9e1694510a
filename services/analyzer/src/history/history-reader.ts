import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'

/** Minutes of the past of one line of numbers, in order. */
export interface PastLine {
  /** Process id and number of the KPI, or id of a plain series. */
  readonly of: { readonly process: string; readonly kpi: number } | { readonly series: bigint }
  /** Start of each minute, milliseconds since the Unix epoch. */
  readonly minuteMs: readonly number[]
  /** Mean of each minute; NaN where it has none. */
  readonly value: readonly number[]
}

export interface PastQuestion {
  readonly tenant: string
  /** Process id of the host, or of what stands for itself. */
  readonly process: string
  /** Ids of the plain series that are wanted: levels only. */
  readonly series: readonly bigint[]
  readonly fromMs: number
  /** Exclusive. */
  readonly toMs: number
}

/** Reads what the store has of a host, or of anything that stands for itself. Errors: those of AnalyticsStore. */
export interface HistoryReader {
  read(question: PastQuestion): Promise<PastLine[]>
}

/** By number of the KPI; execution times in the store are ages as well, which just grow, and shares have no baseline. */
const columns = [
  [1, 'success_rate'],
  [2, 'error_rate'],
  [3, 'throughput_per_second'],
  [4, 'cpu_cores'],
  [5, 'memory_bytes'],
  [6, 'read_bytes_per_second'],
  [7, 'write_bytes_per_second'],
  [8, 'network_receive_bytes_per_second'],
  [9, 'network_transmit_bytes_per_second'],
  [12, 'io_share'],
  [14, 'instances'],
] as const

/** Every minute of the last hours, and one in thirty of the days before: enough for the week's hours, and soon read. */
const WHOLE_MS = 2 * 3_600_000
const ONE_IN_MINUTES = 30
/** Groups that were not there for so long are left out: most are programs that ran once. */
const RECENT_MS = 86_400_000
const PROCESSES_MAX = 4096
/** Series of one question. */
const SERIES_MAX = 2000

const RANGE = `minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')
    AND minute < toDateTime(intDiv({to: Int64}, 1000), 'UTC')
    AND (minute >= toDateTime(intDiv({whole: Int64}, 1000), 'UTC') OR toMinute(minute) % ${ONE_IN_MINUTES} = 0)`

const KPIS = `SELECT process, groupArray(m) AS minutes,
    ${columns.map(([, column]) => `groupArray(v_${column}) AS ${column}`).join(', ')}
  FROM (
    SELECT process, toUnixTimestamp(minute) AS m,
      ${columns.map(([, column]) => `ifNull(sum(${column}_sum) / nullIf(sum(${column}_count), 0), nan) AS v_${column}`).join(', ')}
    FROM kpis_1m
    WHERE tenant = {tenant: String} AND (process = {process: String} OR startsWith(process, {groups: String}))
      AND ${RANGE}
    GROUP BY process, m ORDER BY process, m
  ) GROUP BY process HAVING max(m) >= intDiv({recent: Int64}, 1000) ORDER BY process LIMIT ${PROCESSES_MAX}`

const SAMPLES = `SELECT toString(series) AS id, groupArray(m) AS minutes, groupArray(v) AS value
  FROM (
    SELECT series, toUnixTimestamp(minute) AS m, sum(sum) / sum(count) AS v
    FROM samples_1m WHERE series IN {ids: Array(UInt64)} AND ${RANGE}
    GROUP BY series, m ORDER BY series, m
  ) GROUP BY id ORDER BY id`

type KpiRow = { readonly process: string; readonly minutes: number[] } & Record<string, (number | null)[] | string>

export function createHistoryReader({ analytics }: { readonly analytics: AnalyticsStore }): HistoryReader {
  return {
    async read({ tenant, process, series, fromMs, toMs }) {
      const range = { from: fromMs, to: toMs, whole: toMs - WHOLE_MS, recent: toMs - RECENT_MS }
      // A process id that has no groups cannot begin with this.
      const groups = process.startsWith('host:') ? `os:${process.slice('host:'.length)}:` : '\n'
      const kpis = await analytics.query<KpiRow>(KPIS, { tenant, process, groups, ...range })
      const ids = series.slice(0, SERIES_MAX)
      const samples =
        ids.length === 0
          ? []
          : await analytics.query<{ id: string; minutes: number[]; value: number[] }>(SAMPLES, {
              ids,
              ...range,
            })
      return [
        ...kpis.flatMap((row) => kpiLines(row)),
        ...samples.map(({ id, minutes, value }): PastLine => {
          return { of: { series: BigInt(id) }, minuteMs: minutes.map((second) => second * 1000), value }
        }),
      ]
    },
  }
}

function kpiLines(row: KpiRow): PastLine[] {
  const minuteMs = row.minutes.map((second) => second * 1000)
  return columns.flatMap(([kpi, column]): PastLine[] => {
    const value = (row[column] as (number | null)[]).map((each) => each ?? Number.NaN)
    const isEmpty = value.every((each) => Number.isNaN(each))
    return isEmpty ? [] : [{ of: { process: row.process, kpi }, minuteMs, value }]
  })
}
