import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api, type Page } from '../api/client.ts'
import type { BaselineAnswer } from '../api/types.ts'
import { useTime } from '../state/time.ts'
import { type QueryAnswer, seriesOfQuery } from './kpis.ts'
import { createLatest } from './latest.ts'
import { metricWords } from './metric-words.ts'
import { lineOfBaseline, meanDeviation } from './normal-line.ts'
import { type ChartSeries, stepFor } from './series.ts'
import { bandOfBaseline } from './spans.ts'
import { type ChartUnit, chartUnitOf } from './units.ts'
import type { Normal } from './use-normals.ts'

/** A metric of a process with its last value, as `/processes/{id}/series` lists them. */
export interface SeriesItem {
  readonly metric: string
  readonly unit: string
  readonly kind: string
  readonly attributes: Readonly<Record<string, string>>
  readonly lastValue: number | null
  readonly lastTime: string | null
}

/** What has charts, columns or panels of its own. */
const known = /^(process\.(execution\.time|events|events\.failed|success|count)|device\.up$|log\.pattern\.)/

/** Plain levels of a process: what is measured, without what makes its KPIs. */
export const plainSeries = <T extends { readonly metric: string }>(series: readonly T[]): T[] =>
  series.filter((one) => !known.test(one.metric))

/** One small chart: a metric of a process and of one set of attributes. */
export interface PlainLine {
  readonly key: string
  readonly metric: string
  readonly attributes: Readonly<Record<string, string>>
  readonly unit: ChartUnit
  readonly series: ChartSeries
  readonly normal: Normal | null
}

/** As people read it, with what tells it apart from others of its metric. */
export const lineName = (line: Pick<PlainLine, 'metric' | 'attributes'>): string =>
  [metricWords(line.metric), ...Object.values(line.attributes)].join(', ')

const refreshMs = 10_000
const pixels = 240
/** More charts than this are no help; what is off its normal has a chart of its own anyway. */
const metricsMax = 24
const linesMax = 36

/** What changes by amounts is shown as amounts per second. */
const isCounted = (kind: string): boolean => kind === 'delta'

/** Everything else that a process measures, over the page's range, with what is usual of it. */
export function usePlainSeries(processId: Ref<string>, wanted: Ref<boolean>, intervalS: Ref<number>) {
  const time = useTime()
  const lines = shallowRef<readonly PlainLine[]>([])
  const version = shallowRef(0)
  const loaded = shallowRef(false)
  const total = shallowRef(0)
  const stepS = computed(() => stepFor(time.rangeMs, pixels, intervalS.value))
  let askedMs = 0

  async function lineOf(item: SeriesItem, answer: QueryAnswer, index: number, signal: AbortSignal): Promise<PlainLine> {
    const counted = isCounted(item.kind)
    const raw = seriesOfQuery(answer, index, intervalS.value)
    const series = counted ? { ...raw, values: raw.values.map((value) => value / answer.step) } : raw
    const path = `/processes/${encodeURIComponent(processId.value)}/baseline`
    const query = {
      metric: item.metric,
      attributes: JSON.stringify(item.attributes),
      from: new Date(time.fromMs).toISOString(),
      to: new Date(time.toMs).toISOString(),
    }
    const usual = counted ? null : await api.get<BaselineAnswer>(path, { query, signal }).catch(() => null)
    const unit = chartUnitOf(item.unit)
    return {
      key: `${item.metric} ${query.attributes}`,
      metric: item.metric,
      attributes: item.attributes,
      unit: counted ? (`in ${unit.replace(/^in /, '') || ''}/s` as const) : unit,
      series,
      normal: usual && usual.points.length > 0 ? normalOf(usual) : null,
    }
  }
  function normalOf(answer: BaselineAnswer): Normal {
    const band = bandOfBaseline(answer, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    const last = band.times.length - 1
    return {
      band,
      line: lineOfBaseline(answer, time.fromMs, time.toMs),
      score: meanDeviation(answer, time.toMs),
      range: last >= 0 ? { low: band.low[last]!, high: band.high[last]! } : null,
    }
  }

  const latest = createLatest<null>(async (_, signal) => {
    askedMs = Date.now()
    const id = processId.value
    const page = await api
      .get<Page<SeriesItem>>(`/processes/${encodeURIComponent(id)}/series`, { query: { limit: 1000 }, signal })
      .catch(() => null)
    if (!page || signal.aborted) return
    const items = plainSeries(page.items)
    const metrics = [...new Set(items.map((item) => item.metric))].sort().slice(0, metricsMax)
    const range = { from: new Date(time.fromMs).toISOString(), to: new Date(time.toMs).toISOString() }
    const found = await Promise.all(
      metrics.map(async (metric) => {
        const first = items.find((item) => item.metric === metric)!
        const agg = isCounted(first.kind) ? 'sum' : 'avg'
        const query = { process: id, metric, agg, ...range, step: `${stepS.value}s` }
        const answer = await api.get<QueryAnswer>('/query', { query, signal }).catch(() => null)
        return Promise.all(
          (answer?.series ?? []).flatMap((one, i) =>
            one.points.length > 0 && answer
              ? [lineOf({ ...first, attributes: one.attributes }, answer, i, signal)]
              : [],
          ),
        )
      }),
    )
    if (signal.aborted || id !== processId.value) return
    const all = found.flat()
    total.value = all.length
    // What is off its normal is what somebody looks for.
    lines.value = all
      .sort(
        (a, b) =>
          Math.abs(b.normal?.score ?? 0) * Number(Math.abs(b.normal?.score ?? 0) >= 2) -
            Math.abs(a.normal?.score ?? 0) * Number(Math.abs(a.normal?.score ?? 0) >= 2) ||
          a.key.localeCompare(b.key, undefined, { numeric: true }),
      )
      .slice(0, linesMax)
    loaded.value = true
    version.value++
  })

  watch(
    [processId, wanted, () => time.rangeMs, () => time.atMs, stepS],
    ([id, on], before) => {
      if (id !== before[0]) {
        lines.value = []
        loaded.value = false
      }
      if (on) latest.want(null)
    },
    { immediate: true },
  )
  watch(
    () => time.nowMs,
    (now) => {
      const due = now - askedMs >= Math.max(refreshMs, stepS.value * 1000)
      if (wanted.value && time.isLive && due && !document.hidden) latest.want(null)
    },
  )
  onScopeDispose(() => latest.cancel())
  return { lines, version, loaded, total }
}
