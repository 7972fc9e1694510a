import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../api/client.ts'
import type { Anomaly, BaselineAnswer } from '../api/types.ts'
import { kpiNames, kpiWord } from '../charts/kpi-names.ts'
import { type PerformanceAnswer, type QueryAnswer, seriesOfQuery } from '../charts/kpis.ts'
import { createLatest } from '../charts/latest.ts'
import { type ChartSeries, stepFor } from '../charts/series.ts'
import { bandOfBaseline, type NormalBand } from '../charts/spans.ts'
import type { ChartUnit } from '../charts/units.ts'
import { useTime } from '../state/time.ts'

const minuteMs = 60_000
const leadMs = 45 * minuteMs
const tailMs = 10 * minuteMs
const refreshMs = 15_000

/** The stretch of time that shows an anomaly with what was before and after it, ms. */
export function stretchOf(anomaly: Pick<Anomaly, 'timestamp' | 'endedAt'>, nowMs: number): [number, number] {
  const from = Date.parse(anomaly.timestamp)
  const end = anomaly.endedAt === null ? nowMs : Date.parse(anomaly.endedAt)
  // A long one gets as much before it as a third of itself, so that what was normal is in sight.
  const lead = Math.max(leadMs, (end - from) / 3)
  return [from - lead, Math.min(nowMs, anomaly.endedAt === null ? nowMs : end + tailMs)]
}

/** Later than `from` where nothing is known that early, so that a young installation's charts are not mostly empty. */
function fromFirst(anomaly: Pick<Anomaly, 'timestamp'>, from: number, first: number | undefined): number {
  const latest = Date.parse(anomaly.timestamp) - minuteMs
  return first === undefined ? from : Math.max(from, Math.min(first, latest))
}

/** The line that an anomaly is about: its metric, or what sets it apart most where it is about the whole process. */
export function metricOf(anomaly: Anomaly): string {
  if (anomaly.metric) return anomaly.metric
  const [most] = [...anomaly.contributions].sort((a, b) => b.share - a.share)
  return most?.metric ?? 'cpu'
}

/** Values and normal range around an anomaly, refreshed while it lasts. */
export function useExcursion(anomaly: Ref<Anomaly | null>) {
  const time = useTime()
  const series = shallowRef<ChartSeries | null>(null)
  const normal = shallowRef<NormalBand | null>(null)
  const version = shallowRef(0)
  const loaded = shallowRef(false)
  const span = shallowRef<readonly [number, number]>([0, 1])
  const error = shallowRef<unknown>(null)

  async function fetchSeries(of: Anomaly, range: Record<string, string>, stepS: number, signal: AbortSignal) {
    const metric = metricOf(of)
    const kpi = kpiNames[metric]
    const query = { ...range, step: `${stepS}s` }
    if (!kpi) {
      const answer = await api.get<QueryAnswer>('/query', {
        query: { process: of.processId, metric, ...query },
        signal,
      })
      const key = JSON.stringify(of.attributes)
      const at = answer.series.findIndex((one) => JSON.stringify(one.attributes) === key)
      return seriesOfQuery(answer, Math.max(0, at))
    }
    const path = `/processes/${encodeURIComponent(of.processId)}/performance`
    const answer = await api.get<PerformanceAnswer>(path, { query, signal })
    const points = answer.points.flatMap((point) => {
      const value = kpi.pick(point)
      return value === null ? [] : [{ at: Date.parse(point.timestamp), value }]
    })
    return {
      times: points.map((point) => point.at),
      values: points.map((point) => point.value),
      low: null,
      high: null,
      stepMs: answer.step * 1000,
      resolution: answer.resolution === '1m' ? ('1m' as const) : ('raw' as const),
    }
  }

  const latest = createLatest<Anomaly>(async (of, signal) => {
    const [from, to] = stretchOf(of, time.toMs)
    const range = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
    const query = {
      metric: metricOf(of),
      ...range,
      ...(Object.keys(of.attributes).length > 0 ? { attributes: JSON.stringify(of.attributes) } : {}),
    }
    try {
      const [line, band] = await Promise.all([
        fetchSeries(of, range, stepFor(to - from, 700), signal),
        api
          .get<BaselineAnswer>(`/processes/${encodeURIComponent(of.processId)}/baseline`, { query, signal })
          .then((answer) => bandOfBaseline(answer))
          // Rules have no baseline: the line stands alone then.
          .catch(() => null),
      ])
      if (signal.aborted) return
      series.value = line
      normal.value = band
      span.value = [fromFirst(of, from, line.times[0]), to]
      error.value = null
    } catch (failure) {
      if (signal.aborted) return
      error.value = failure
    }
    loaded.value = true
    version.value += 1
  })

  let askedMs = 0
  function ask(): void {
    askedMs = Date.now()
    if (anomaly.value) latest.want(anomaly.value)
  }
  watch(
    [() => anomaly.value?.id, () => anomaly.value?.endedAt, () => time.at],
    ([id], before) => {
      if (id !== before[0]) {
        series.value = null
        normal.value = null
        loaded.value = false
        span.value = anomaly.value ? stretchOf(anomaly.value, time.toMs) : [0, 1]
      }
      ask()
    },
    { immediate: true },
  )
  watch(
    () => time.nowMs,
    (now) => {
      if (anomaly.value?.endedAt === null && time.isLive && !document.hidden && now - askedMs >= refreshMs) ask()
    },
  )
  onScopeDispose(() => latest.cancel())

  return {
    series,
    normal,
    version,
    loaded,
    span,
    error,
    unit: computed<ChartUnit>(() => (anomaly.value ? (kpiNames[metricOf(anomaly.value)]?.unit ?? 'number') : 'number')),
    word: computed(() => (anomaly.value ? kpiWord(metricOf(anomaly.value)) : '')),
  }
}
