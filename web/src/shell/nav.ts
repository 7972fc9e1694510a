import type { IconName } from '../components/icons.ts'

export interface NavItem {
  readonly name: string
  readonly to: string
  readonly icon: IconName
  /** Route names that count as being here. */
  readonly routes: readonly string[]
}

/** The pages that exist. A page without a purpose yet has no place here. */
export const navItems: readonly NavItem[] = [
  { name: 'Overview', to: '/', icon: 'home', routes: ['overview'] },
  { name: 'Hosts', to: '/hosts', icon: 'host', routes: ['hosts', 'host'] },
  { name: 'Alerts', to: '/alerts', icon: 'alert', routes: ['alerts', 'alert'] },
  { name: 'Anomalies', to: '/anomalies', icon: 'anomaly', routes: ['anomalies'] },
  { name: 'Sources', to: '/sources', icon: 'source', routes: ['sources'] },
]
