import { computed, onScopeDispose, shallowRef, triggerRef } from 'vue'
import { api, type Page } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import type { Host, OperationalDashboard, OverviewChanges, ProcessItem } from '../../api/types.ts'
import { idParts } from '../../process-id.ts'
import type { HostRow } from './host-rows.ts'

const refetchMs = 30_000

/**
 * All hosts: what they are from `/hosts`, what they do now from the overview's channel. A host that appears there
 * first is shown at once and described with the next answer of `/hosts`.
 */
export function useHosts() {
  const known = shallowRef(new Map<string, HostRow>())
  const error = shallowRef<unknown>(null)
  const loaded = shallowRef(false)

  async function load(): Promise<void> {
    try {
      const found = new Map<string, HostRow>()
      let cursor: string | null = null
      do {
        const page: Page<Host> = await api.get<Page<Host>>('/hosts', { query: { limit: 1000, cursor } })
        for (const host of page.items) {
          const { drift, driftKpi } = known.value.get(host.processId) ?? {}
          found.set(host.processId, { ...host, drift: drift ?? null, driftKpi: driftKpi ?? null })
        }
        cursor = page.nextCursor
      } while (cursor !== null)
      known.value = found
      error.value = null
    } catch (failure) {
      error.value = failure
    }
    loaded.value = true
  }

  function take(items: readonly ProcessItem[]): void {
    let unknown = false
    for (const item of items) {
      if (item.kind !== 'host') continue
      const host = known.value.get(item.processId)
      if (!host) unknown = true
      known.value.set(item.processId, {
        host: host?.host ?? idParts(item.processId)[1] ?? item.name,
        processId: item.processId,
        status: item.status,
        description: host?.description ?? null,
        processCount: item.metrics?.values.instances ?? host?.processCount ?? 0,
        metrics: item.metrics,
        lastSeen: item.lastSeen,
        drift: item.drift,
        driftKpi: item.driftKpi,
      })
    }
    triggerRef(known)
    if (unknown && loaded.value) void load()
  }

  useLive<OperationalDashboard, OverviewChanges>('overview', {
    snapshot: (value) => take(value.processes),
    changes(value) {
      take(value.processes)
      for (const id of value.removed) known.value.delete(id)
    },
  })
  void load()
  // Descriptions change rarely (a new agent, a new kernel); the values in between are live.
  const timer = setInterval(() => {
    if (!document.hidden) void load()
  }, refetchMs)
  onScopeDispose(() => clearInterval(timer))

  return { hosts: computed(() => [...known.value.values()]), error, loaded, load }
}
