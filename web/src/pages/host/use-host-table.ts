import { onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import type { HostChanges, HostDescription, HostSnapshot, HostTable as HostTableAnswer } from '../../api/types.ts'
import { createLatest } from '../../charts/latest.ts'
import { useTime } from '../../state/time.ts'
import { createProcessTable } from '../../tree/process-table.ts'

/**
 * The process table of a host: live from its channel, or as it was at the moment the page is rewound to.
 * `frame` rises whenever anything in the table changed; the last frame stays until the next one is here.
 * Without a host it holds nothing.
 */
export function useHostTable(host: Ref<string | null>) {
  const time = useTime()
  const table = createProcessTable()
  const frame = shallowRef(0)
  /** When the agent read what is shown; null when nothing is known for the asked moment. */
  const frameMs = shallowRef<number | null>(null)
  const facts = shallowRef<HostDescription | null>(null)
  const error = shallowRef<unknown>(null)
  const loaded = shallowRef(false)

  function shown(at: string | null, description: HostDescription | null | undefined): void {
    frameMs.value = at === null ? null : Date.parse(at)
    if (description) facts.value = description
    error.value = null
    loaded.value = true
    frame.value += 1
  }

  const live = useLive<HostSnapshot, HostChanges>(() => (host.value === null ? null : `host:${host.value}/processes`), {
    snapshot(value) {
      table.applySnapshot(value.rows)
      shown(value.time, value.description)
    },
    changes(value) {
      table.applyChanges(value)
      shown(value.time, null)
    },
  })

  async function fetchAt(at: string | null, signal?: AbortSignal): Promise<void> {
    if (host.value === null) return
    try {
      const answer = await api.get<HostTableAnswer>(`/hosts/${encodeURIComponent(host.value)}/processes`, {
        query: { at },
        ...(signal ? { signal } : {}),
      })
      if (signal?.aborted) return
      // Coming from another moment, nothing is new and nothing has just ended: both would be lies about time.
      table.clear()
      table.applySnapshot(answer.items)
      shown(answer.time, answer.description)
    } catch (failure) {
      if (signal?.aborted) return
      error.value = failure
      loaded.value = true
    }
  }

  const rewind = createLatest<string>(fetchAt)
  watch(
    () => time.at,
    (at) => {
      if (at === null) {
        rewind.cancel()
        table.clear()
      } else rewind.want(at)
    },
    { immediate: true },
  )
  watch(host, () => {
    rewind.cancel()
    table.clear()
    facts.value = null
    frameMs.value = null
    loaded.value = false
    frame.value += 1
    if (time.at !== null) rewind.want(time.at)
  })
  watch(live.error, (message) => {
    if (message === null) return
    error.value = new Error(message)
    loaded.value = true
  })
  onScopeDispose(() => rewind.cancel())

  return {
    table,
    frame,
    frameMs,
    facts,
    error,
    loaded,
    retry: (): void => (time.at === null ? void fetchAt(null) : rewind.want(time.at)),
  }
}

export type HostTable = ReturnType<typeof useHostTable>
