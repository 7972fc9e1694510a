import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { alertAt, anomalyAt } from '../../alerts/view.ts'
import { api } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import type { Alert, AlertDetail, Anomaly } from '../../api/types.ts'
import { useAlerts } from '../../state/alerts.ts'
import { useTime } from '../../state/time.ts'

/** Messages are on their way for seconds, and tried again for minutes. */
const refreshMs = 5000
const anomaliesMax = 20

/** One alert with its deliveries and anomalies, kept up to date; rewound, as it stood then. */
export function useOneAlert(id: Ref<string | null>) {
  const store = useAlerts()
  const time = useTime()
  const detail = useResource<AlertDetail>(() => (id.value === null ? null : `/alerts/${encodeURIComponent(id.value)}`))
  const found = shallowRef<ReadonlyMap<string, Anomaly>>(new Map())

  const now = computed<Alert | null>(() => {
    if (id.value === null) return null
    const known = store.alerts.get(id.value)
    if (known) return known
    return detail.data.value?.id === id.value ? detail.data.value : null
  })
  const alert = computed(() => {
    const at = time.atMs
    if (!now.value || at === null) return now.value
    // A link to an alert that had not been opened at the moment shown still shows it.
    return alertAt(now.value, at) ?? now.value
  })

  const wanted = computed(() => (alert.value?.anomalyIds ?? []).slice(0, anomaliesMax).join(' '))
  watch(
    wanted,
    async (ids) => {
      for (const one of ids.split(' ').filter(Boolean)) {
        if (store.anomalies.has(one) || found.value.has(one)) continue
        const answer = await api.get<Anomaly>(`/anomalies/${encodeURIComponent(one)}`).catch(() => null)
        if (answer) found.value = new Map(found.value).set(one, answer)
      }
    },
    { immediate: true },
  )
  const anomalies = computed<Anomaly[]>(() => {
    const at = time.atMs
    return wanted.value.split(' ').flatMap((one) => {
      const anomaly = store.anomalies.get(one) ?? found.value.get(one)
      if (!anomaly) return []
      return at === null ? [anomaly] : [anomalyAt(anomaly, at) ?? anomaly]
    })
  })

  // A step of its life writes messages: they are asked for at once, and again while one is on its way.
  watch(
    () => now.value?.status,
    (status, before) => {
      if (before !== undefined && status !== undefined) void detail.reload()
    },
  )
  const timer = setInterval(() => {
    const waits = detail.data.value?.deliveries.some((one) => one.state === 'pending')
    if (waits && !document.hidden) void detail.reload()
  }, refreshMs)
  onScopeDispose(() => clearInterval(timer))

  return {
    alert,
    anomalies,
    deliveries: computed(() => (detail.data.value?.id === id.value ? detail.data.value.deliveries : [])),
    error: computed(() => (alert.value ? null : detail.error.value)),
    reload: () => void detail.reload(),
  }
}
