import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../api/client.ts'
import { useTime } from '../state/time.ts'
import { type QueryAnswer, seriesOfQuery } from './kpis.ts'
import { createLatest } from './latest.ts'
import { type ChartSeries, stepFor } from './series.ts'

export interface QueryWish {
  readonly metric: string
  readonly agg?: 'avg' | 'min' | 'max'
}

/** One line per combination of attributes. */
export interface QueryLine {
  readonly attributes: Readonly<Record<string, string>>
  readonly series: ChartSeries
}

/** A metric without a live channel is asked for again this often at most, so that its line keeps up. */
const refreshDefaultMs = 10_000

/**
 * Metrics from `/query` over the page's range, as they are needed for charts whose values no channel carries.
 * Answers a map from metric (with `agg` when given, as `metric agg`) to its lines.
 */
export function useQuery(
  processId: Ref<string>,
  wishes: Ref<readonly QueryWish[]>,
  pixels: Ref<number>,
  intervalS: Ref<number>,
  { refreshMs = refreshDefaultMs }: { readonly refreshMs?: number } = {},
) {
  const time = useTime()
  const lines = shallowRef<ReadonlyMap<string, readonly QueryLine[]>>(new Map())
  const version = shallowRef(0)
  const error = shallowRef<unknown>(null)
  const loaded = shallowRef(false)
  const stepS = computed(() => stepFor(time.rangeMs, pixels.value, intervalS.value))
  let fetchedMs = 0

  async function fetchAll(_wish: null, signal: AbortSignal): Promise<void> {
    fetchedMs = Date.now()
    const id = processId.value
    const from = new Date(time.fromMs).toISOString()
    const to = new Date(time.toMs).toISOString()
    const found = new Map<string, readonly QueryLine[]>()
    try {
      await Promise.all(
        wishes.value.map(async ({ metric, agg }) => {
          const answer = await api.get<QueryAnswer>('/query', {
            query: { process: id, metric, agg, from, to, step: `${stepS.value}s` },
            signal,
          })
          found.set(
            agg ? `${metric} ${agg}` : metric,
            answer.series.map((one, i) => ({
              attributes: one.attributes,
              series: seriesOfQuery(answer, i, intervalS.value),
            })),
          )
        }),
      )
      if (signal.aborted || id !== processId.value) return
      lines.value = found
      error.value = null
    } catch (failure) {
      if (signal.aborted) return
      error.value = failure
    }
    loaded.value = true
    version.value += 1
  }

  const latest = createLatest<null>(fetchAll)
  watch([processId, wishes, () => time.rangeMs, () => time.atMs, stepS], () => latest.want(null), { immediate: true })
  watch(
    () => time.nowMs,
    (now) => {
      const due = now - fetchedMs >= Math.max(refreshMs, stepS.value * 1000)
      if (time.isLive && due && !document.hidden && wishes.value.length > 0) latest.want(null)
    },
  )
  onScopeDispose(() => latest.cancel())

  return {
    lines,
    version,
    error,
    loaded,
    stepS,
    /** The line without attributes: the sum over devices, or the metric itself. */
    total: (key: string): ChartSeries | null =>
      lines.value.get(key)?.find((line) => Object.keys(line.attributes).length === 0)?.series ?? null,
  }
}
