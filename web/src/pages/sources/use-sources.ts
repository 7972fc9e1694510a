import { computed, onScopeDispose, shallowRef } from 'vue'
import { api, type Page } from '../../api/client.ts'
import { useLiveConnection } from '../../api/live.ts'
import type { SourceItem, SourcesChanges, SourcesSnapshot } from '../../api/source-types.ts'

/** Without the channel the list is asked for this often. */
const pollMs = 5000

/** All sources, live on this page also while it shows the past: what one edits is now. */
export function useSources() {
  const connection = useLiveConnection()
  const byId = shallowRef<ReadonlyMap<string, SourceItem>>(new Map())
  const loaded = shallowRef(false)
  const error = shallowRef<unknown>(null)
  let hasChannel = false

  function take(items: readonly SourceItem[], keep: ReadonlyMap<string, SourceItem>): void {
    const next = new Map(keep)
    for (const item of items) next.set(item.source, item)
    byId.value = next
    loaded.value = true
    error.value = null
  }
  async function reload(): Promise<void> {
    try {
      const items: SourceItem[] = []
      let cursor: string | null = null
      do {
        const page: Page<SourceItem> = await api.get('/sources', { query: { limit: 1000, cursor }, verbatim: true })
        items.push(...page.items)
        cursor = page.nextCursor
      } while (cursor !== null)
      take(items, new Map())
    } catch (failure) {
      error.value = failure
    }
  }

  const stop = connection.socket.subscribe('sources', {
    snapshot(value) {
      hasChannel = true
      take((value as SourcesSnapshot).items, new Map())
    },
    changes(value) {
      const { items, removed } = value as SourcesChanges
      const rest = new Map(byId.value)
      for (const id of removed) rest.delete(id)
      take(items, rest)
    },
    error() {
      hasChannel = false
    },
  })
  void reload()
  const timer = setInterval(() => {
    if (!document.hidden && !hasChannel) void reload()
  }, pollMs)
  onScopeDispose(() => {
    stop()
    clearInterval(timer)
  })

  return { items: computed(() => [...byId.value.values()]), byId, loaded, error, reload }
}
