import type { Api, Page } from '../api/client.ts'
import type { Host, HostTable, OperationalDashboard, ProcessItem, ProcessMetrics } from '../api/types.ts'
import { dashboardFromTables } from './past.ts'

/** A past moment is summed up from this many hosts' tables at most. */
const hostsMax = 50
/** Names of hosts, categories and tags hardly change while somebody moves through time. */
const namesKeptMs = 30_000
/** A host's own figures are the last of this many milliseconds before the moment. */
const lookBackMs = 20_000

interface Names {
  readonly readAtMs: number
  readonly hosts: readonly Host[]
  readonly settings: ReadonlyMap<string, ProcessItem>
}

/** Reads the overview of a past moment from the hosts' tables of then. */
export function createPastReader(api: Pick<Api, 'get'>) {
  let names: Names | null = null

  async function readNames(signal: AbortSignal): Promise<Names> {
    if (names && Date.now() - names.readAtMs < namesKeptMs) return names
    const [hosts, processes] = await Promise.all([
      api.get<Page<Host>>('/hosts', { query: { limit: hostsMax }, signal }),
      api.get<Page<ProcessItem>>('/processes', { query: { limit: 1000 }, signal }),
    ])
    const settings = new Map(processes.items.map((item) => [item.processId, item]))
    names = { readAtMs: Date.now(), hosts: hosts.items, settings }
    return names
  }

  /** A host without stored figures is no reason to show nothing. */
  async function readHostMetrics(id: string, atMs: number, signal: AbortSignal): Promise<ProcessMetrics | null> {
    const query = { from: new Date(atMs - lookBackMs).toISOString(), to: new Date(atMs).toISOString(), step: '1s' }
    try {
      const path = `/processes/${encodeURIComponent(id)}/performance`
      const { points } = await api.get<{ points: ProcessMetrics[] }>(path, { query, signal })
      return points.filter((point) => point.resourceUtilization.cpu !== null).at(-1) ?? null
    } catch {
      return null
    }
  }

  return {
    async read(at: string, signal: AbortSignal): Promise<OperationalDashboard> {
      const atMs = Date.parse(at)
      const { hosts, settings } = await readNames(signal)
      const [tables, metrics] = await Promise.all([
        Promise.all(
          hosts.map(({ host }) =>
            api.get<HostTable>(`/hosts/${encodeURIComponent(host)}/processes`, { query: { at }, signal }),
          ),
        ),
        Promise.all(hosts.map(({ processId }) => readHostMetrics(processId, atMs, signal))),
      ])
      const known = new Map(metrics.flatMap((one) => (one ? [[one.processId, one] as const] : [])))
      const dashboard = dashboardFromTables(tables, atMs, known)
      // Category and tags are what people call a process, not what it was: they are shown as they are now.
      const processes = dashboard.processes.map((item) => {
        const { category = null, tags = [], description = null } = settings.get(item.processId) ?? {}
        return { ...item, category, tags, description }
      })
      return { ...dashboard, processes }
    },
  }
}
