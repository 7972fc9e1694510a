import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../api/client.ts'
import { useLive } from '../api/live.ts'
import type { ProcessChanges, ProcessMetrics } from '../api/types.ts'
import { kindOf } from '../process-id.ts'
import { useTime } from '../state/time.ts'
import { type Kpi, type KpiId, kpisOf, type PerformanceAnswer, seriesOfKpi } from './kpis.ts'
import { createLatest } from './latest.ts'
import { type ChartSeries, createAppender, stepFor } from './series.ts'

interface Wish {
  readonly id: string
  readonly from: number
  readonly to: number
  readonly stepS: number
  /** The same history once more, to fill the hole before the first live value. */
  readonly again: boolean
}

/** A moment is told of by what was heard in so many milliseconds before it: roll-ups have a point a minute. */
const momentMs = 90_000
/** By then the server has stored what it sent live before. */
const storedAfterMs = 8000
/** Live values that are kept to be put after a history: more than a minute of them. */
const recentMax = 90

/**
 * All KPIs of a process over the page's range: history in one request with a step suited to `pixels`, then live
 * from the process's channel, appended in place. `version` rises with every change. Rewound, `latest` is the moment shown.
 */
export function useKpis<Detail extends { metrics: ProcessMetrics | null }>(
  processId: Ref<string>,
  pixels: Ref<number>,
  intervalS: Ref<number>,
  {
    onChanges,
    absent,
  }: { readonly onChanges?: (changes: ProcessChanges) => void; readonly absent?: Ref<boolean> } = {},
) {
  const time = useTime()
  const series = shallowRef<ReadonlyMap<KpiId, ChartSeries>>(new Map())
  const version = shallowRef(0)
  const latest = shallowRef<ProcessMetrics | null>(null)
  const detail = shallowRef<Detail | null>(null)
  const error = shallowRef<unknown>(null)
  const loaded = shallowRef(false)
  const kpis = computed<readonly Kpi[]>(() => kpisOf(kindOf(processId.value)))
  const stepS = computed(() => stepFor(time.rangeMs, pixels.value, intervalS.value))
  let appenders: { kpi: Kpi; append: ReturnType<typeof createAppender>['append'] }[] = []
  let points: readonly ProcessMetrics[] = []
  let recent: ProcessMetrics[] = []
  let filling: ReturnType<typeof setTimeout> | undefined
  /** Time of the newest values that were taken, ms. */
  let lastMs = 0

  async function fetchHistory(wish: Wish, signal: AbortSignal): Promise<void> {
    try {
      const moment = time.isLive ? null : fetchMoment(wish, signal)
      const answer = await api.get<PerformanceAnswer>(`/processes/${encodeURIComponent(wish.id)}/performance`, {
        query: { from: new Date(wish.from).toISOString(), to: new Date(wish.to).toISOString(), step: `${wish.stepS}s` },
        signal,
      })
      const shown = await moment
      if (signal.aborted) return
      if (!time.isLive) latest.value = shown
      const found = new Map<KpiId, ChartSeries>()
      for (const kpi of kpis.value) found.set(kpi.id, seriesOfKpi(answer, kpi, intervalS.value))
      series.value = found
      points = answer.points
      lastMs = Date.parse(points.at(-1)?.timestamp ?? '') || 0
      appenders = kpis.value.map((kpi) => ({ kpi, append: createAppender(found.get(kpi.id)!).append }))
      for (const metrics of recent) if (Date.parse(metrics.timestamp) > lastMs) append(metrics)
      fillHole(wish)
      error.value = null
    } catch (failure) {
      if (signal.aborted) return
      error.value = failure
    }
    loaded.value = true
    version.value += 1
  }

  /** The metrics of the moment rewound to, in the source's own grain; null when nothing was heard shortly before it. */
  async function fetchMoment(wish: Wish, signal: AbortSignal): Promise<ProcessMetrics | null> {
    const answer = await api.get<PerformanceAnswer>(`/processes/${encodeURIComponent(wish.id)}/performance`, {
      query: {
        from: new Date(wish.to - momentMs).toISOString(),
        to: new Date(wish.to).toISOString(),
        step: `${intervalS.value}s`,
      },
      signal,
    })
    return answer.points.findLast((point) => Date.parse(point.timestamp) <= wish.to) ?? null
  }

  const history = createLatest<Wish>(fetchHistory)
  function refetch(again = false): void {
    history.want({ id: processId.value, from: time.fromMs, to: time.toMs, stepS: stepS.value, again })
  }
  watch(
    [processId, () => time.rangeMs, () => time.atMs, stepS],
    ([id], before) => {
      if (id !== before[0]) {
        series.value = new Map()
        appenders = []
        latest.value = null
        detail.value = null
        loaded.value = false
        lastMs = 0
        recent = []
      }
      refetch()
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    clearTimeout(filling)
    history.cancel()
  })

  function append(metrics: ProcessMetrics): void {
    lastMs = Date.parse(metrics.timestamp)
    for (const { kpi, append } of appenders) append(lastMs, kpi.pick(metrics) ?? null, time.fromMs)
  }

  /**
   * What the server stored last is some seconds behind what it sends live, so the first history ends before the
   * first live value. It is asked for once more when those seconds are stored.
   */
  function fillHole(wish: Wish): void {
    clearTimeout(filling)
    if (wish.again || !time.isLive) return
    filling = setTimeout(() => {
      if (time.isLive) refetch(true)
    }, storedAfterMs)
  }

  function take(metrics: ProcessMetrics): void {
    latest.value = metrics
    recent.push(metrics)
    if (recent.length > recentMax) recent.shift()
    append(metrics)
    version.value += 1
  }
  /** Status, drift and what people set change in place; the drift line and the anomalies are whose they are. */
  function change({ driftPoint, anomalies, ...rest }: ProcessChanges): void {
    if (detail.value) {
      const { normal, ...fields } = rest
      detail.value = { ...detail.value, ...fields, ...(normal ? { normal } : {}) }
    }
    if (rest.metrics && rest.metrics.timestamp !== latest.value?.timestamp) take(rest.metrics)
    onChanges?.({ ...rest, ...(driftPoint ? { driftPoint } : {}), ...(anomalies ? { anomalies } : {}) })
  }
  const live = useLive<Detail, ProcessChanges>(() => (absent?.value ? null : `process:${processId.value}`), {
    snapshot(value) {
      detail.value = value
      const heardMs = value.metrics ? Date.parse(value.metrics.timestamp) : Number.NaN
      // A snapshot in the middle of things means that the connection was lost: the hole is fetched, not drawn.
      if (loaded.value && lastMs > 0 && heardMs - lastMs > Math.max(5000, stepS.value * 3000)) refetch()
      if (value.metrics) take(value.metrics)
    },
    changes: change,
  })

  return {
    kpis,
    series,
    version,
    latest,
    detail,
    stepS,
    error: computed(() => error.value ?? (live.error.value ? new Error(live.error.value) : null)),
    loaded,
    retry: () => refetch(),
  }
}

export type Kpis = ReturnType<typeof useKpis>
