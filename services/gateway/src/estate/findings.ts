import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'

/** An anomaly as it stands, with what only we need. */
export interface Finding {
  readonly item: AnomalyItem
  readonly startMs: number
  readonly revision: number
}

/** An alert as it stands. */
export interface KnownAlert {
  readonly item: AlertItem
  readonly version: number
}

/**
 * Anomalies that last, those that ended lately (the store may not have them yet), and alerts that are not resolved: of
 * one tenant, bounded. Past a bound the oldest go; they stay in the store.
 */
export interface Findings {
  /** Takes a newer state of an anomaly over; null when it is known already. */
  applyAnomaly(finding: Finding): Finding | null
  /** Takes a newer state of an alert over; null when it is known already. */
  applyAlert(alert: KnownAlert): KnownAlert | null
  /** What somebody said of an anomaly; null when it is not in memory. */
  applyVerdict(id: string, verdict: AnomalyItem['verdict']): AnomalyItem | null
  anomaly(id: string): Finding | undefined
  alert(id: string): KnownAlert | undefined
  /** Anomalies that last, of one process. */
  openOf(process: string): readonly AnomalyItem[]
  /** Those in memory, lasting or not. */
  anomalies(): Iterable<Finding>
  open(): AnomalyItem[]
  /** Open and acknowledged ones, newest first. */
  openAlerts(): AlertItem[]
}

export interface FindingLimits {
  readonly openAnomalies: number
  readonly closedAnomalies: number
  readonly alerts: number
}

export function createFindings(limits: FindingLimits): Findings {
  const open = new Map<string, Finding>()
  const closed = new Map<string, Finding>()
  const openByProcess = new Map<string, Map<string, Finding>>()
  const alerts = new Map<string, KnownAlert>()
  /** Versions of alerts that were resolved, so that an older record that comes late does not open them again. */
  const resolved = new Map<string, number>()
  const alertOf = new Map<string, string>()

  const dropOpen = (finding: Finding): void => {
    open.delete(finding.item.id)
    const siblings = openByProcess.get(finding.item.processId)
    siblings?.delete(finding.item.id)
    if (siblings?.size === 0) openByProcess.delete(finding.item.processId)
  }

  const keep = (finding: Finding): void => {
    const { id, processId, endedAt } = finding.item
    if (endedAt === null) {
      const siblings = openByProcess.get(processId) ?? new Map<string, Finding>()
      openByProcess.set(processId, siblings.set(id, finding))
      open.set(id, finding)
      if (open.size > limits.openAnomalies) dropOpen(open.values().next().value!)
      return
    }
    dropOpen(finding)
    closed.set(id, finding)
    if (closed.size > limits.closedAnomalies) closed.delete(closed.keys().next().value!)
  }

  const change = (id: string, more: Partial<AnomalyItem>): AnomalyItem | null => {
    const known = open.get(id) ?? closed.get(id)
    if (!known) return null
    const item = { ...known.item, ...more }
    keep({ ...known, item })
    return item
  }

  const forgetAlertOf = (alert: KnownAlert): void => {
    for (const id of alert.item.anomalyIds) alertOf.delete(id)
  }

  return {
    applyAnomaly(finding) {
      const { id } = finding.item
      const known = open.get(id) ?? closed.get(id)
      if (known && known.revision >= finding.revision) return null
      const verdict = finding.item.verdict ?? known?.item.verdict ?? null
      const alertId = finding.item.alertId ?? known?.item.alertId ?? alertOf.get(id) ?? null
      const taken = { ...finding, item: { ...finding.item, verdict, alertId } }
      keep(taken)
      return taken
    },
    applyAlert(alert) {
      const { id, status, anomalyIds } = alert.item
      const known = alerts.get(id)
      if (known && known.version >= alert.version) return null
      if ((resolved.get(id) ?? 0) >= alert.version) return null
      if (known) forgetAlertOf(known)
      alerts.delete(id)
      if (status === 'resolved') {
        resolved.set(id, alert.version)
        if (resolved.size > limits.alerts) resolved.delete(resolved.keys().next().value!)
      } else {
        alerts.set(id, alert)
        for (const anomaly of anomalyIds) alertOf.set(anomaly, id)
        if (alerts.size > limits.alerts) {
          const oldest = alerts.values().next().value!
          forgetAlertOf(oldest)
          alerts.delete(oldest.item.id)
        }
      }
      for (const anomaly of anomalyIds) change(anomaly, { alertId: id })
      return alert
    },
    applyVerdict: (id, verdict) => change(id, { verdict }),
    anomaly: (id) => open.get(id) ?? closed.get(id),
    alert: (id) => alerts.get(id),
    openOf: (process) => [...(openByProcess.get(process)?.values() ?? [])].map(({ item }) => item),
    *anomalies() {
      yield* open.values()
      yield* closed.values()
    },
    open: () => [...open.values()].map(({ item }) => item),
    openAlerts: () => [...alerts.values()].map(({ item }) => item).sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1)),
  }
}

const SEVERITY_RANK = { info: 1, warning: 2, critical: 3 } as const

/** The worst of several: by severity, then by how far, then the newest. Undefined for none. */
export function worstOf(anomalies: readonly AnomalyItem[]): AnomalyItem | undefined {
  let worst: AnomalyItem | undefined
  for (const each of anomalies) if (!worst || isWorse(each, worst)) worst = each
  return worst
}

function isWorse(a: AnomalyItem, b: AnomalyItem): boolean {
  if (a.severity !== b.severity) return SEVERITY_RANK[a.severity] > SEVERITY_RANK[b.severity]
  const [far, near] = [Math.abs(a.score), Math.abs(b.score)]
  return far === near ? a.timestamp > b.timestamp : far > near
}
