import { computed, type Ref, shallowRef, watch } from 'vue'
import { api, type Page } from '../api/client.ts'
import type { Anomaly } from '../api/types.ts'
import { useAlerts } from '../state/alerts.ts'

/** As many glyphs as a strip can tell apart, and more. */
const anomaliesMax = 1000

/** Anomalies of the strip's axis: what the server knows of it, and what came live since. */
export function useStripAnomalies(spanMs: Ref<number>) {
  const alerts = useAlerts()
  const listed = shallowRef<readonly Anomaly[]>([])

  async function load(span: number): Promise<void> {
    const from = new Date(Date.now() - span).toISOString()
    const page = await api.get<Page<Anomaly>>('/anomalies', { query: { from, limit: anomaliesMax } }).catch(() => null)
    if (page && span === spanMs.value) listed.value = page.items
  }
  watch(spanMs, load, { immediate: true })

  return computed<readonly Anomaly[]>(() => {
    const all = new Map(listed.value.map((one) => [one.id, one]))
    for (const [id, one] of alerts.anomalies) all.set(id, one)
    return [...all.values()]
  })
}
