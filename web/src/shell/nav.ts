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
  { name: 'Machines', to: '/machines', icon: 'device', routes: ['machines'] },
  {
    name: 'Flows',
    to: '/flows',
    icon: 'flow',
    routes: ['flows', 'flow', 'flow-run', 'flow-runs', 'flow-trend', 'flow-compare', 'flow-new', 'flow-edit'],
  },
  { name: 'Logs', to: '/logs', icon: 'log', routes: ['logs'] },
  { name: 'Alerts', to: '/alerts', icon: 'alert', routes: ['alerts', 'alert', 'anomalies'] },
  {
    name: 'Sources',
    to: '/sources',
    icon: 'source',
    routes: ['sources', 'source', 'source-new', 'dead-letters'],
  },
  { name: 'Reports', to: '/reports', icon: 'report', routes: ['reports'] },
]
