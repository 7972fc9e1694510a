import { onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api, type Page } from '../../api/client.ts'
import type { SeriesItem } from '../../charts/use-plain-series.ts'
import { useTime } from '../../state/time.ts'

const refreshMs = 10_000
/** A page of machines: more are not asked about one by one. */
const machinesMax = 60
const atOnce = 4

/** Last values of the machines that are in sight. No channel carries them, so they are asked for now and then. */
export function useMainValues(ids: Ref<readonly string[]>) {
  const time = useTime()
  const values = shallowRef<ReadonlyMap<string, readonly SeriesItem[]>>(new Map())
  let round = 0

  async function load(): Promise<void> {
    const mine = ++round
    const wanted = ids.value.slice(0, machinesMax)
    const found = new Map(values.value)
    const queue = [...wanted]
    const work = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined && mine === round; id = queue.shift()) {
        const page = await api
          .get<Page<SeriesItem>>(`/processes/${encodeURIComponent(id)}/series`, { query: { limit: 50 } })
          .catch(() => null)
        if (page) found.set(id, page.items)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    if (mine === round) values.value = found
  }
  watch(
    () => ids.value.slice(0, machinesMax).toSorted().join('\n'),
    () => void load(),
    { immediate: true },
  )
  const timer = setInterval(() => {
    if (time.isLive && !document.hidden) void load()
  }, refreshMs)
  onScopeDispose(() => {
    clearInterval(timer)
    round++
  })
  return values
}
