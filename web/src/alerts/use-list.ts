import { computed, type Ref, shallowRef, watch } from 'vue'
import { api, type Page } from '../api/client.ts'

export type ListQuery = Readonly<Record<string, string | number | null>>

/**
 * A list of the API, page after page; null asks for nothing. A change of the query asks anew and keeps what is on the screen until the answer
 * is here; an older answer never overwrites a newer one.
 */
export function useList<T>(path: string, query: Ref<ListQuery | null>, limit = 50) {
  const items = shallowRef<readonly T[]>([])
  const cursor = shallowRef<string | null>(null)
  const error = shallowRef<unknown>(null)
  const loaded = shallowRef(false)
  const loading = shallowRef(false)
  let running: AbortController | null = null

  async function ask(after: string | null): Promise<void> {
    running?.abort()
    running = null
    if (query.value === null) return
    const mine = new AbortController()
    running = mine
    loading.value = true
    try {
      const page = await api.get<Page<T>>(path, {
        query: { ...query.value, limit, cursor: after },
        signal: mine.signal,
      })
      if (running !== mine) return
      items.value = after === null ? page.items : [...items.value, ...page.items]
      cursor.value = page.nextCursor
      error.value = null
    } catch (failure) {
      if (running === mine) error.value = failure
    }
    if (running === mine) {
      loading.value = false
      loaded.value = true
    }
  }

  watch(
    () => JSON.stringify(query.value),
    () => void ask(null),
    { immediate: true },
  )

  return {
    items,
    error,
    loaded,
    loading,
    hasMore: computed(() => cursor.value !== null),
    more: () => (cursor.value === null ? Promise.resolve() : ask(cursor.value)),
    reload: () => ask(null),
  }
}
