import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'

/** What changed of anomalies and alerts, the newest state of each. */
export interface NewsBatch {
  readonly alerts: AlertItem[]
  readonly anomalies: AnomalyItem[]
}

/** Gathers what changes for a moment, so that a burst is one frame. */
export interface News {
  anomaly(tenant: string, anomaly: AnomalyItem): void
  alert(tenant: string, alert: AlertItem): void
}

const GATHER_MS = 100
/** A burst of more than this goes out at once, in frames of this many. */
const BATCH_MAX = 500

interface Pending {
  readonly alerts: Map<string, AlertItem>
  readonly anomalies: Map<string, AnomalyItem>
}

export function createNews(send: (tenant: string, batch: NewsBatch) => void): News {
  const waiting = new Map<string, Pending>()

  const flush = (tenant: string): void => {
    const pending = waiting.get(tenant)
    waiting.delete(tenant)
    if (!pending) return
    send(tenant, { alerts: [...pending.alerts.values()], anomalies: [...pending.anomalies.values()] })
  }

  const gather = (tenant: string): Pending => {
    const known = waiting.get(tenant)
    if (known) return known
    const pending = { alerts: new Map<string, AlertItem>(), anomalies: new Map<string, AnomalyItem>() }
    waiting.set(tenant, pending)
    setTimeout(() => flush(tenant), GATHER_MS).unref()
    return pending
  }

  return {
    anomaly(tenant, anomaly) {
      const { anomalies } = gather(tenant)
      anomalies.set(anomaly.id, anomaly)
      if (anomalies.size >= BATCH_MAX) flush(tenant)
    },
    alert(tenant, alert) {
      const { alerts } = gather(tenant)
      alerts.set(alert.id, alert)
      if (alerts.size >= BATCH_MAX) flush(tenant)
    },
  }
}
