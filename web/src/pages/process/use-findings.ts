import { computed, type Ref } from 'vue'
import { useList } from '../../alerts/use-list.ts'
import { anomalyAt, bySeverity, byTime, mergeLive } from '../../alerts/view.ts'
import type { Anomaly } from '../../api/types.ts'
import { useAlerts } from '../../state/alerts.ts'
import { useTime } from '../../state/time.ts'

/** Anomalies of a process, newest first: what the server lists, and what came live; rewound, as they stood then. */
export function useFindings(processId: Ref<string>) {
  const store = useAlerts()
  const time = useTime()
  const list = useListOf(processId)

  const all = computed<readonly Anomaly[]>(() => {
    const at = time.atMs
    const mine = (one: Anomaly) => one.processId === processId.value
    const merged = mergeLive(list.items.value, store.anomalies.values(), mine, byTime)
    return at === null ? merged : merged.flatMap((one) => anomalyAt(one, at) ?? [])
  })
  return {
    all,
    /** The worst that lasts. */
    worst: computed<Anomaly | null>(
      () => all.value.filter((one) => one.endedAt === null && one.severity !== 'info').sort(bySeverity)[0] ?? null,
    ),
    loaded: list.loaded,
    error: list.error,
    reload: list.reload,
    take: (anomalies: readonly Anomaly[]) => store.takeAnomalies(anomalies),
  }

  function useListOf(id: Ref<string>) {
    const query = computed(() => ({ process: id.value, to: time.at }))
    return useList<Anomaly>('/anomalies', query, 100)
  }
}
