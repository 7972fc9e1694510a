import { ref, shallowRef } from 'vue'
import { api } from '../api/client.ts'

/** Starts and cancels checks. What was refused stays in `error` until the next attempt. */
export function useCheckActions() {
  const error = shallowRef<unknown>(null)
  const busy = ref(false)

  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    if (busy.value) return null
    busy.value = true
    error.value = null
    try {
      return await work()
    } catch (failure) {
      error.value = failure
      return null
    } finally {
      busy.value = false
    }
  }

  return {
    error,
    busy,
    /** Answers the id of the check, which can be read from then on; null when it was refused. */
    start: (flow: string) =>
      run(async () => (await api.post<{ checkId: string }>(`/processes/${encodeURIComponent(flow)}/checks`)).checkId),
    cancel: (checkId: string) => run(() => api.delete(`/checks/${encodeURIComponent(checkId)}`)),
  }
}
