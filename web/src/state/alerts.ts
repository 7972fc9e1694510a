import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { bySeverity, isOpen, isSilence } from '../alerts/view.ts'
import { api } from '../api/client.ts'
import { useLiveConnection } from '../api/live.ts'
import type { Alert, AlertsFrame, Anomaly } from '../api/types.ts'

/** So many alerts and anomalies that are over are kept at hand; lists ask the server for more. */
const keptMax = 500

/**
 * What is open now, live on every page and also while the page shows the past: only this count never rewinds. Alerts
 * and anomalies that changed since are kept whole, so that lists can merge them into what they asked for.
 */
export const useAlerts = defineStore('alerts', () => {
  const connection = useLiveConnection()
  const alerts = shallowRef<ReadonlyMap<string, Alert>>(new Map())
  const anomalies = shallowRef<ReadonlyMap<string, Anomaly>>(new Map())
  const loaded = shallowRef(false)
  /** Alerts that were opened while the page looked on, newest last; whoever shows them takes them. */
  const arrived = shallowRef<readonly Alert[]>([])
  let stop: (() => void) | null = null

  const open = computed(() => [...alerts.value.values()].filter(isOpen).sort(bySeverity))
  /** The worst open anomaly of each process. */
  const lasting = computed(() => {
    const worst = new Map<string, Anomaly>()
    for (const anomaly of anomalies.value.values()) {
      if (anomaly.endedAt !== null) continue
      const before = worst.get(anomaly.processId)
      if (!before || bySeverity(anomaly, before) < 0) worst.set(anomaly.processId, anomaly)
    }
    return worst
  })

  function merge<T extends { readonly id: string }>(
    into: ReadonlyMap<string, T>,
    news: readonly T[],
    isOver: (one: T) => boolean,
  ): ReadonlyMap<string, T> {
    if (news.length === 0) return into
    const next = new Map(into)
    for (const one of news) next.set(one.id, one)
    for (const [id, one] of next) {
      if (next.size <= keptMax) break
      if (isOver(one)) next.delete(id)
    }
    return next
  }
  const takeAlerts = (news: readonly Alert[]): void => {
    alerts.value = merge(alerts.value, news, (one) => !isOpen(one))
  }
  const takeAnomalies = (news: readonly Anomaly[]): void => {
    anomalies.value = merge(anomalies.value, news, (one) => one.endedAt !== null)
  }

  function start(): () => void {
    stop ??= connection.socket.subscribe('alerts', {
      snapshot(value) {
        const frame = value as AlertsFrame
        // What was open before a lost connection and is not any more has ended meanwhile.
        alerts.value = new Map(frame.alerts.map((one) => [one.id, one]))
        anomalies.value = new Map(frame.anomalies.map((one) => [one.id, one]))
        loaded.value = true
      },
      changes(value) {
        const frame = value as AlertsFrame
        const fresh = frame.alerts.filter((one) => one.status === 'open' && !alerts.value.has(one.id))
        takeAlerts(frame.alerts)
        takeAnomalies(frame.anomalies)
        if (fresh.length > 0) arrived.value = [...arrived.value, ...fresh]
      },
      error: () => undefined,
    })
    return () => {
      stop?.()
      stop = null
    }
  }

  return {
    alerts,
    anomalies,
    loaded,
    open,
    lasting,
    /** The oldest open anomaly of a process that is one of those asked for. */
    lastingOf(processId: string, isMeant: (anomaly: Anomaly) => boolean): Anomaly | null {
      let oldest: Anomaly | null = null
      for (const one of anomalies.value.values()) {
        if (one.processId !== processId || one.endedAt !== null || !isMeant(one)) continue
        if (oldest === null || one.timestamp < oldest.timestamp) oldest = one
      }
      return oldest
    },
    arrived,
    count: computed(() => open.value.length),
    hasCritical: computed(() => open.value.some((one) => one.severity === 'critical' && !isSilence(one))),
    start,
    takeAlerts,
    takeAnomalies,
    /** Hands over what arrived, once. */
    takeArrived(): readonly Alert[] {
      const taken = arrived.value
      if (taken.length > 0) arrived.value = []
      return taken
    },
    /** Stores a step of handling; answers the alert as it stands then. Throws ApiError. */
    async act(id: string, step: 'acknowledge' | 'resolve'): Promise<Alert> {
      const alert = await api.post<Alert>(`/alerts/${encodeURIComponent(id)}/${step}`)
      takeAlerts([alert])
      return alert
    },
    async judge(id: string, verdict: NonNullable<Anomaly['verdict']>): Promise<Anomaly> {
      const anomaly = await api.post<Anomaly>(`/anomalies/${encodeURIComponent(id)}/verdict`, { verdict })
      takeAnomalies([anomaly])
      return anomaly
    },
  }
})
