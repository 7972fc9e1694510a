import { computed } from 'vue'
import { useRouter } from 'vue-router'
import type { ProcessItem } from '../api/types.ts'
import { navItems } from '../shell/nav.ts'
import { useSignOut } from '../shell/sign-out.ts'
import { useOpenProcess } from '../state/open-process.ts'
import { useSession } from '../state/session.ts'
import { useTheme } from '../state/theme.ts'
import { useTime } from '../state/time.ts'
import type { Entry } from './entries.ts'

/** Pages and actions of the palette. */
export function useActions() {
  const router = useRouter()
  const time = useTime()
  const theme = useTheme()
  const session = useSession()
  const signOut = useSignOut()
  const openProcess = useOpenProcess()

  const page = (text: string, to: string, icon: Entry['icon']): Entry => ({
    id: `page ${to}`,
    group: 'Pages',
    icon,
    text,
    run: () => void router.push(to),
  })
  const action = (text: string, icon: Entry['icon'], run: () => void, keys = ''): Entry => ({
    id: `action ${text}`,
    group: 'Actions',
    icon,
    text,
    keys,
    run,
  })

  const actions = computed<Entry[]>(() => [
    ...navItems.map((item) => page(item.name, item.to, item.icon)),
    page('Anomalies', '/anomalies', 'anomaly'),
    page('Dead letters', '/sources/dead-letters', 'source'),
    ...(session.permits('sources:write') ? [page('Add a source', '/sources/new', 'plus')] : []),
    ...(session.permits('flows:write') ? [page('New flow', '/flows/new', 'plus')] : []),
    page('Account and password', '/settings/account', 'gear'),
    ...(session.isAdmin ? [page('API keys', '/settings/keys', 'key'), page('Users', '/settings/users', 'gear')] : []),
    ...(session.permits('credentials:write') ? [page('Credentials', '/settings/credentials', 'key')] : []),
    page('Network that checks reach', '/settings/network', 'gear'),
    page('Retention and its cost', '/settings/retention', 'gear'),
    page('About', '/settings/about', 'gear'),
    ...(time.isLive
      ? [
          action('Rewind 10 min', 'back', () => time.step(-600_000)),
          action('Rewind 1 h', 'back', () => time.step(-3_600_000)),
        ]
      : [action('Back to live', 'play', () => time.goLive(), 'L')]),
    action('Copy a link to this view', 'link', () => void navigator.clipboard?.writeText(location.href)),
    ...(theme.choice !== 'dark' ? [action('Dark theme', 'theme', () => theme.choose('dark'))] : []),
    ...(theme.choice !== 'light' ? [action('Light theme', 'theme', () => theme.choose('light'))] : []),
    ...(theme.choice !== 'system' ? [action('Theme of the system', 'theme', () => theme.choose('system'))] : []),
    action('Sign out', 'out', () => void signOut()),
  ])
  return { actions, openProcess: (item: ProcessItem) => openProcess(item.processId) }
}
