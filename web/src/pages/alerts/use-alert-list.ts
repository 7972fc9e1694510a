import { computed, type Ref } from 'vue'
import { useList } from '../../alerts/use-list.ts'
import { alertAt, bySeverity, byTime, isOpen, mergeLive } from '../../alerts/view.ts'
import type { Alert, AlertStatus } from '../../api/types.ts'
import { useAlerts } from '../../state/alerts.ts'
import { useTime } from '../../state/time.ts'

export type Tab = AlertStatus
export const tabs: readonly Tab[] = ['open', 'acknowledged', 'resolved']

/** Open ones are those that are not over: somebody who has it in hand has not ended it. */
const fits = (tab: Tab, alert: Alert): boolean => (tab === 'open' ? isOpen(alert) : alert.status === tab)

/** The alerts of a tab: what is open comes live, what is over page after page; rewound, as they stood then. */
export function useAlertList(tab: Ref<Tab>) {
  const store = useAlerts()
  const time = useTime()
  const query = computed(() => ({
    // At a past moment the status was another, and only the times tell which.
    status: time.isLive && tab.value === 'resolved' ? tab.value : null,
    to: time.at,
  }))
  const list = useList<Alert>('/alerts', query)

  const shown = computed<readonly Alert[]>(() => {
    const at = time.atMs
    const order = tab.value === 'resolved' ? byTime : bySeverity
    if (at === null) return mergeLive(list.items.value, store.alerts.values(), (one) => fits(tab.value, one), order)
    const then = list.items.value.flatMap((one) => alertAt(store.alerts.get(one.id) ?? one, at) ?? [])
    return then.filter((one) => fits(tab.value, one)).sort(order)
  })

  return {
    ...list,
    shown,
    /** How many are open or acknowledged now; null for what would have to be counted page by page. */
    countOf(one: Tab): number | null {
      if (!time.isLive || one === 'resolved') return null
      return store.open.filter((alert) => fits(one, alert)).length
    },
  }
}
