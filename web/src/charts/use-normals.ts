import { onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../api/client.ts'
import type { BaselineAnswer, Normals, ProcessMetrics } from '../api/types.ts'
import type { DriftLine } from '../drift/lines.ts'
import { kindOf } from '../process-id.ts'
import { useTime } from '../state/time.ts'
import { baselineNameOf, chartFactor } from './kpi-names.ts'
import { type KpiId, kpisOf } from './kpis.ts'
import { createLatest } from './latest.ts'
import { lineOfBaseline, meanDeviation } from './normal-line.ts'
import { bandOfBaseline, extendBand, type NormalBand } from './spans.ts'

/** What is usual of one KPI over the page's range, and how far from it the process was. */
export interface Normal {
  readonly band: NormalBand
  readonly line: DriftLine
  /** Mean deviation of the last 4 min; null where nothing is known. */
  readonly score: number | null
  /** What is usual now, in the unit of the chart; null where nothing is known. */
  readonly range: { readonly low: number; readonly high: number } | null
}

/** Minutes close one by one: so often they are asked for. */
const refreshMs = 60_000

/** Baselines of a process's KPIs over the page's range, kept up while the page is live. */
export function useNormals(
  processId: Ref<string>,
  wanted: Ref<readonly KpiId[]>,
  now: Ref<{ readonly normal: Normals | null; readonly metrics: ProcessMetrics | null }>,
) {
  const time = useTime()
  const answers = shallowRef<ReadonlyMap<KpiId, BaselineAnswer>>(new Map())
  const normals = shallowRef<ReadonlyMap<KpiId, Normal>>(new Map())
  let askedMs = 0

  const latest = createLatest<readonly KpiId[]>(async (ids, signal) => {
    askedMs = Date.now()
    const id = processId.value
    const range = { from: new Date(time.fromMs).toISOString(), to: new Date(time.toMs).toISOString() }
    const found = new Map<KpiId, BaselineAnswer>()
    await Promise.all(
      ids.map(async (kpi) => {
        const metric = baselineNameOf(kpi)
        if (metric === null) return
        const query = { metric, ...range }
        const path = `/processes/${encodeURIComponent(id)}/baseline`
        // Without what is usual the line stands alone: that is what a young process looks like, too.
        const answer = await api.get<BaselineAnswer>(path, { query, signal }).catch(() => null)
        if (answer) found.set(kpi, answer)
      }),
    )
    if (signal.aborted || id !== processId.value) return
    answers.value = found
    make()
  })

  function make(): void {
    const kind = kindOf(processId.value)
    const { normal, metrics } = now.value
    const made = new Map<KpiId, Normal>()
    for (const [kpi, answer] of answers.value) {
      const factor = chartFactor(kind, answer.metric, metrics)
      const usual = time.isLive ? normal?.[answer.metric] : undefined
      const most = kpisOf(kind).find((one) => one.id === kpi)?.unit === 'share' ? 1 : Number.POSITIVE_INFINITY
      const band = extendBand(bandOfBaseline(answer, factor, most), time.toMs, usual, factor, most)
      const last = band.times.length - 1
      const fresh = last >= 0 && time.toMs - band.times[last]! < 5 * band.stepMs
      made.set(kpi, {
        band,
        line: lineOfBaseline(answer, time.fromMs, time.toMs),
        score: meanDeviation(answer, time.toMs),
        range: fresh ? { low: band.low[last]!, high: band.high[last]! } : null,
      })
    }
    normals.value = made
  }

  watch(
    [processId, () => wanted.value.join(), () => time.rangeMs, () => time.atMs],
    ([id], before) => {
      if (id !== before[0]) {
        answers.value = new Map()
        normals.value = new Map()
      }
      latest.want(wanted.value)
    },
    { immediate: true },
  )
  watch(() => now.value.normal, make)
  watch(
    () => time.nowMs,
    (at) => {
      if (time.isLive && !document.hidden && at - askedMs >= refreshMs) latest.want(wanted.value)
    },
  )
  onScopeDispose(() => latest.cancel())
  return normals
}
