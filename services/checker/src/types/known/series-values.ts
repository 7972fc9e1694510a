import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { CheckFailure } from '../../check-type.ts'
import { askStore } from './store-questions.ts'
import { seriesInWords } from './words.ts'

export interface SeriesWish {
  readonly tenant: string
  /** Process id. */
  readonly process: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
}

export const aggregations = ['last', 'mean', 'min', 'max', 'sum'] as const
export type Aggregation = (typeof aggregations)[number]

/** What a window holds. `value` is undefined, and times are NaN, when it is empty. */
export interface WindowValue {
  readonly value: number | undefined
  readonly count: number
  /** Of the newest sample, milliseconds since the epoch. */
  readonly newestMs: number
}

const SERIES_MAX = 200
/** Raw samples are kept for two days by default; longer windows are read from minutes. */
const RAW_MS_MAX = 86_400_000

/**
 * The ids of the series that are meant: those with just these attributes where there are any, else those that have
 * them among others. Errors: CheckFailure `value_missing` when nothing of that name was ever received.
 */
export async function seriesOf(store: AnalyticsStore, signal: AbortSignal, wish: SeriesWish): Promise<bigint[]> {
  const names = Object.keys(wish.attributes)
  const row = await askStore<{ ids: string[]; exact: string[]; metrics: number }>(
    store,
    signal,
    `SELECT groupUniqArrayIf(${SERIES_MAX})(toString(id), fits) AS ids,
       groupUniqArrayIf(${SERIES_MAX})(toString(id), fits AND length(JSONExtractKeys(attributes)) = {named: UInt32}) AS exact,
       toFloat64(countIf(metric = {metric: String})) AS metrics
     FROM (SELECT id, metric, attributes, metric = {metric: String} AND
         arrayAll((name, text) -> JSONExtractString(attributes, name) = text,
           {names: Array(String)}, {values: Array(String)}) AS fits
       FROM series WHERE tenant = {tenant: String} AND process = {process: String})`,
    { ...wish, named: names.length, names, values: Object.values(wish.attributes) },
  )
  const ids = row === null ? [] : row.exact.length > 0 ? row.exact : row.ids
  if (ids.length > 0) return ids.map((id) => BigInt(id))
  const what = seriesInWords(wish.process, wish.metric, wish.attributes)
  throw new CheckFailure('value_missing', `Nothing was ever received for ${what}`, {
    hint:
      (row?.metrics ?? 0) > 0
        ? 'The metric is known without these attributes: see them on the page of the process'
        : 'See how the process and its metrics are called on the page of the process',
  })
}

/** The samples of some series since a moment, as one value. The ids come from `seriesOf`, so the tenant is settled. */
export async function readWindow(
  store: AnalyticsStore,
  signal: AbortSignal,
  ids: readonly bigint[],
  window: { readonly fromMs: number; readonly toMs: number; readonly aggregation: Aggregation },
): Promise<WindowValue> {
  const { fromMs, toMs, aggregation } = window
  const raw = toMs - fromMs <= RAW_MS_MAX
  const row = await askStore<{ found: number | null; counted: number; newest: number }>(
    store,
    signal,
    raw ? rawStatement(aggregation) : minuteStatement(aggregation),
    { ids, from: Math.floor(fromMs) },
  )
  if (row === null || row.counted === 0) return { value: undefined, count: 0, newestMs: Number.NaN }
  return { value: row.found ?? undefined, count: row.counted, newestMs: row.newest }
}

const RAW: Readonly<Record<Aggregation, string>> = {
  last: 'argMax(value, ts)',
  mean: 'avg(value)',
  min: 'min(value)',
  max: 'max(value)',
  sum: 'sum(value)',
}

function rawStatement(aggregation: Aggregation): string {
  return `SELECT ${RAW[aggregation]} AS found, toFloat64(count()) AS counted,
      toFloat64(toUnixTimestamp64Milli(max(ts))) AS newest
    FROM samples WHERE series IN {ids: Array(UInt64)} AND ts >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')`
}

/** Of a minute the mean stands for its last sample, and its start for the time. */
const MINUTES: Readonly<Record<Aggregation, string>> = {
  last: 'argMax(sum / count, minute)',
  mean: 'sum(sum) / sum(count)',
  min: 'min(min)',
  max: 'max(max)',
  sum: 'sum(sum)',
}

function minuteStatement(aggregation: Aggregation): string {
  return `SELECT ${MINUTES[aggregation]} AS found, toFloat64(sum(count)) AS counted,
      toFloat64(toUnixTimestamp(max(minute))) * 1000 AS newest
    FROM samples_1m WHERE series IN {ids: Array(UInt64)} AND minute >= toDateTime(intDiv({from: Int64}, 1000), 'UTC')`
}
