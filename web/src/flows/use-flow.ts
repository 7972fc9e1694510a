import { computed, type MaybeRefOrGetter, onScopeDispose, type Ref, shallowRef, toValue, watch } from 'vue'
import { ApiError, api } from '../api/client.ts'
import type { CheckTypeInfo, Flow, FlowItem, FlowShort, FlowStep, GridRun } from '../api/flow-types.ts'
import { useLiveConnection } from '../api/live.ts'
import { useResource } from '../api/resource.ts'
import { useTime } from '../state/time.ts'

export const gridRuns = 60
/** Normals and drift are of minutes; runs of the grid are asked for when one has ended. */
const stepsEveryMs = 30_000
const restMs = 250

interface List<T> {
  readonly items?: readonly T[]
  readonly steps?: readonly T[]
}
const listOf = <T>(answer: List<T> | readonly T[] | null): readonly T[] =>
  answer === null ? [] : 'length' in answer ? (answer as readonly T[]) : (answer.items ?? answer.steps ?? [])

/** What the check types are called and how long an attempt may take; asked for once for the app. */
let asked: Promise<readonly CheckTypeInfo[]> | null = null
export function loadCheckTypes(): Promise<readonly CheckTypeInfo[]> {
  asked ??= api
    .get<List<CheckTypeInfo> | readonly CheckTypeInfo[]>('/check-types', { verbatim: true })
    .then(listOf)
    .catch((error: unknown) => {
      asked = null
      throw error
    })
  return asked
}

/** A flow with its steps' normals and its last runs, kept up to date by channel `flows`. */
export function useFlow(id: Ref<string>) {
  const time = useTime()
  const connection = useLiveConnection()
  const path = computed(() => `/flows/${encodeURIComponent(id.value)}`)
  const stored = useResource<Flow>(path, { verbatim: true })
  const steps = useResource<List<FlowStep> | readonly FlowStep[]>(() => `${path.value}/steps`)
  const grid = useResource<{ readonly runs: readonly GridRun[] }>(
    () => `${path.value}/grid?runs=${gridRuns}${time.at ? `&to=${encodeURIComponent(time.at)}` : ''}`,
  )
  const item = shallowRef<FlowItem | null>(null)
  const short = shallowRef<FlowShort | null>(null)
  const types = shallowRef<ReadonlyMap<string, CheckTypeInfo>>(new Map())
  loadCheckTypes()
    .then((all) => {
      types.value = new Map(all.map((one) => [one.name, one]))
    })
    .catch(() => undefined)

  async function loadItem(): Promise<void> {
    const wanted = id.value
    const name = stored.data.value?.name
    if (name === undefined) return
    const page = await api.get<{ items: FlowItem[] }>('/flows', { query: { q: name, limit: 100 } }).catch(() => null)
    const found = page?.items.find((one) => one.id === wanted)
    if (found && wanted === id.value) {
      item.value = found
      short.value = found
    }
  }
  watch(stored.data, () => void loadItem())
  watch(id, () => {
    item.value = null
    short.value = null
  })

  let resting: ReturnType<typeof setTimeout> | undefined
  function refreshSoon(): void {
    resting ??= setTimeout(() => {
      resting = undefined
      void grid.reload()
      void steps.reload()
    }, restMs)
  }
  function take(frame: unknown): void {
    const list = frame as { items?: readonly FlowShort[]; flows?: readonly FlowShort[] } | readonly FlowShort[]
    const all = 'length' in list ? list : (list.items ?? list.flows ?? [])
    const mine = all.find((one) => one.id === id.value)
    if (!mine) return
    const before = short.value?.lastRun?.checkId
    short.value = mine
    if (before !== undefined && before !== mine.lastRun?.checkId) refreshSoon()
  }
  const stop = connection.socket.subscribe('flows', { snapshot: take, changes: take })
  const timer = setInterval(() => {
    if (!document.hidden && time.isLive) void steps.reload()
  }, stepsEveryMs)
  onScopeDispose(() => {
    stop()
    clearInterval(timer)
    clearTimeout(resting)
  })

  return {
    flow: stored.data,
    missing: computed(() => stored.error.value instanceof ApiError && stored.error.value.status === 404),
    error: computed(() => stored.error.value ?? steps.error.value ?? grid.error.value),
    item,
    short,
    types,
    steps: computed(() => listOf(steps.data.value)),
    runs: computed(() => grid.data.value?.runs ?? []),
    refreshSoon,
    reload(): void {
      void stored.reload()
      void steps.reload()
      void grid.reload()
    },
  }
}

/** Asks for the newest run before a moment, where the page shows the past. */
export function useRunAt(id: MaybeRefOrGetter<string>, at: MaybeRefOrGetter<string | null>) {
  const answer = useResource<{ items: readonly { checkId: string }[] }>(() => {
    const moment = toValue(at)
    return moment === null
      ? null
      : `/processes/${encodeURIComponent(toValue(id))}/checks?limit=1&to=${encodeURIComponent(moment)}`
  })
  return computed(() => answer.data.value?.items[0]?.checkId ?? null)
}
