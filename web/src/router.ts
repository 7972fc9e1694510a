import { createRouter, createWebHistory, type RouteRecordRaw, type Router } from 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    /** Name of the page: document title and screen-reader announcement. */
    title?: string
    /** Shown without the shell and without a session. */
    bare?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  {
    path: '/signin',
    name: 'signin',
    component: () => import('./pages/signin/SignInPage.vue'),
    meta: { title: 'Sign in', bare: true },
  },
  {
    path: '/',
    name: 'overview',
    component: () => import('./pages/overview/OverviewPage.vue'),
    meta: { title: 'Overview' },
  },
  {
    path: '/hosts',
    name: 'hosts',
    component: () => import('./pages/hosts/HostsPage.vue'),
    meta: { title: 'Hosts' },
  },
  {
    path: '/hosts/:host',
    name: 'host',
    component: () => import('./pages/host/HostPage.vue'),
    props: true,
    meta: { title: 'Host' },
  },
  {
    path: '/processes/:id',
    name: 'process',
    component: () => import('./pages/process/ProcessPage.vue'),
    props: true,
    meta: { title: 'Process' },
  },
  {
    path: '/reports',
    name: 'reports',
    component: () => import('./pages/reports/ReportsPage.vue'),
    meta: { title: 'Reports' },
  },
  {
    path: '/machines',
    name: 'machines',
    component: () => import('./pages/machines/MachinesPage.vue'),
    meta: { title: 'Machines' },
  },
  {
    path: '/flows',
    name: 'flows',
    component: () => import('./pages/flows/FlowsPage.vue'),
    meta: { title: 'Flows' },
  },
  {
    path: '/flows/new',
    name: 'flow-new',
    component: () => import('./pages/flows/EditorPage.vue'),
    meta: { title: 'New flow' },
  },
  {
    path: '/flows/:id',
    name: 'flow',
    component: () => import('./pages/flows/FlowPage.vue'),
    props: true,
    meta: { title: 'Flow' },
  },
  {
    path: '/flows/:id/edit',
    name: 'flow-edit',
    component: () => import('./pages/flows/EditorPage.vue'),
    props: true,
    meta: { title: 'Edit a flow' },
  },
  {
    path: '/flows/:id/runs',
    name: 'flow-runs',
    component: () => import('./pages/flows/RunsPage.vue'),
    props: true,
    meta: { title: 'Runs' },
  },
  {
    path: '/flows/:id/runs/:checkId',
    name: 'flow-run',
    component: () => import('./pages/flows/FlowPage.vue'),
    props: true,
    meta: { title: 'Run' },
  },
  {
    path: '/flows/:id/trend',
    name: 'flow-trend',
    component: () => import('./pages/flows/TrendPage.vue'),
    props: true,
    meta: { title: 'Trend of a flow' },
  },
  {
    path: '/flows/:id/compare',
    name: 'flow-compare',
    component: () => import('./pages/flows/ComparePage.vue'),
    props: true,
    meta: { title: 'Two runs' },
  },
  {
    path: '/logs',
    name: 'logs',
    component: () => import('./pages/logs/LogsPage.vue'),
    meta: { title: 'Logs' },
  },
  {
    path: '/alerts',
    name: 'alerts',
    component: () => import('./pages/alerts/AlertsPage.vue'),
    meta: { title: 'Alerts' },
  },
  {
    path: '/alerts/:id',
    name: 'alert',
    component: () => import('./pages/alerts/AlertsPage.vue'),
    props: true,
    meta: { title: 'Alert' },
  },
  {
    path: '/anomalies',
    name: 'anomalies',
    component: () => import('./pages/anomalies/AnomaliesPage.vue'),
    meta: { title: 'Anomalies' },
  },
  {
    path: '/sources',
    name: 'sources',
    component: () => import('./pages/sources/SourcesPage.vue'),
    meta: { title: 'Sources' },
  },
  {
    path: '/sources/new/:adding?',
    name: 'source-new',
    component: () => import('./pages/sources/SourcesPage.vue'),
    props: (route) => ({ adding: String(route.params['adding'] ?? '') }),
    meta: { title: 'Add a source' },
  },
  {
    path: '/sources/dead-letters',
    name: 'dead-letters',
    component: () => import('./pages/sources/DeadLettersPage.vue'),
    meta: { title: 'Dead letters' },
  },
  {
    path: '/sources/:id(.*)',
    name: 'source',
    component: () => import('./pages/sources/SourcesPage.vue'),
    props: true,
    meta: { title: 'Source' },
  },
  {
    path: '/settings',
    component: () => import('./pages/settings/SettingsPage.vue'),
    redirect: '/settings/account',
    children: [
      {
        path: 'account',
        name: 'account',
        component: () => import('./pages/settings/AccountSection.vue'),
        meta: { title: 'Account' },
      },
      {
        path: 'keys',
        name: 'keys',
        component: () => import('./pages/settings/KeysSection.vue'),
        meta: { title: 'API keys' },
      },
      {
        path: 'users',
        name: 'users',
        component: () => import('./pages/settings/UsersSection.vue'),
        meta: { title: 'Users' },
      },
      {
        path: 'credentials',
        name: 'credentials',
        component: () => import('./pages/settings/CredentialsSection.vue'),
        meta: { title: 'Credentials' },
      },
      {
        path: 'credentials/new',
        name: 'credential-new',
        component: () => import('./pages/settings/CredentialEditor.vue'),
        meta: { title: 'Add a credential' },
      },
      {
        path: 'credentials/:name',
        name: 'credential',
        component: () => import('./pages/settings/CredentialEditor.vue'),
        props: true,
        meta: { title: 'Credential' },
      },
      {
        path: 'network',
        name: 'network',
        component: () => import('./pages/settings/NetworkSection.vue'),
        meta: { title: 'Network' },
      },
      {
        path: 'retention',
        name: 'retention',
        component: () => import('./pages/settings/RetentionSection.vue'),
        meta: { title: 'Retention' },
      },
      {
        path: 'about',
        name: 'about',
        component: () => import('./pages/settings/AboutSection.vue'),
        meta: { title: 'About' },
      },
    ],
  },
  {
    path: '/:rest(.*)*',
    name: 'missing',
    component: () => import('./pages/MissingPage.vue'),
    meta: { title: 'Nothing here' },
  },
]

/** Every view is a link: what is filtered, sorted and when it is looked at stands in the query. */
export function createAppRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes,
  })

  // The time range belongs to the whole product: a link to another page keeps the moment that is looked at.
  router.beforeEach((to, from) => {
    if (to.meta.bare || from.meta.bare || to.path === from.path || from.name === undefined) return true
    const carried: Record<string, string> = {}
    for (const key of ['range', 'at']) {
      const value = from.query[key]
      if (typeof value === 'string' && to.query[key] === undefined) carried[key] = value
    }
    if (Object.keys(carried).length === 0) return true
    return { path: to.path, hash: to.hash, query: { ...to.query, ...carried } }
  })
  router.afterEach((to) => {
    document.title = to.meta.title && to.name !== 'overview' ? `${to.meta.title} · Driftline` : 'Driftline'
  })
  return router
}
