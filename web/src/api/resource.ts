import { type MaybeRefOrGetter, onScopeDispose, type ShallowRef, shallowRef, toValue, watch } from 'vue'
import { api } from './client.ts'

export interface Resource<T> {
  readonly data: ShallowRef<T | null>
  readonly error: ShallowRef<unknown>
  readonly loading: ShallowRef<boolean>
  reload(): Promise<void>
}

/**
 * Fetches `path` (relative to `/api/v1`) now and whenever it changes; null waits. Older answers never overwrite newer
 * ones, and the last data stays on the screen while the next is on its way.
 */
export function useResource<T>(
  path: MaybeRefOrGetter<string | null>,
  { verbatim = false }: { readonly verbatim?: boolean } = {},
): Resource<T> {
  const data = shallowRef<T | null>(null)
  const error = shallowRef<unknown>(null)
  const loading = shallowRef(false)
  let running: AbortController | null = null

  async function reload(): Promise<void> {
    running?.abort()
    const target = toValue(path)
    if (target === null) return
    const mine = new AbortController()
    running = mine
    loading.value = true
    try {
      const answer = await api.get<T>(target, { signal: mine.signal, verbatim })
      if (running !== mine) return
      data.value = answer
      error.value = null
    } catch (failure) {
      if (running === mine) error.value = failure
    } finally {
      if (running === mine) loading.value = false
    }
  }

  watch(() => toValue(path), reload, { immediate: true })
  onScopeDispose(() => {
    running?.abort()
    running = null
  })
  return { data, error, loading, reload }
}
