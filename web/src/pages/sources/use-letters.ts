import { computed, onScopeDispose, type Ref, ref, shallowRef, watch } from 'vue'
import { api, type Page } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import type { DeadLetter, DeadLetterSummary, LetterReplay, ReplayAnswer, ReplayResult } from '../../api/source-types.ts'
import { askOf, type LetterFilter } from './letters-view.ts'

const refreshMs = 5000
const pageSize = 100
/** Results of a replay come within seconds; then the list is asked for them. */
const resultsMs = 1500

/** Dead letters as they are filtered, what there is of each reason, and how they are taken in again. */
export function useLetters(filter: Ref<LetterFilter>) {
  const items = shallowRef<readonly DeadLetter[]>([])
  const cursor = ref<string | null>(null)
  const error = shallowRef<unknown>(null)
  const loaded = ref(false)
  const loading = ref(false)
  /** While more than the first page is shown it is not asked for anew: nothing moves under the eye. */
  const extended = ref(false)
  const results = shallowRef<ReadonlyMap<string, ReplayResult>>(new Map())
  const told = ref('')
  const replaying = ref(false)
  const summary = useResource<DeadLetterSummary>('/dead-letters/summary', { verbatim: true })
  let round = 0

  async function load(more: boolean): Promise<void> {
    const mine = ++round
    loading.value = true
    try {
      const page = await api.get<Page<DeadLetter>>('/dead-letters', {
        query: { ...askOf(filter.value), limit: pageSize, cursor: more ? cursor.value : null },
        verbatim: true,
      })
      if (mine !== round) return
      items.value = more ? [...items.value, ...page.items] : page.items
      cursor.value = page.nextCursor
      extended.value = more
      error.value = null
      loaded.value = true
    } catch (failure) {
      if (mine === round) error.value = failure
    } finally {
      if (mine === round) loading.value = false
    }
  }
  watch(filter, () => void load(false), { immediate: true })
  const timer = setInterval(() => {
    if (document.hidden) return
    void summary.reload()
    if (!extended.value && !loading.value) void load(false)
  }, refreshMs)
  let asking: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => {
    clearInterval(timer)
    clearTimeout(asking)
  })

  function note(id: string, result: ReplayResult): void {
    results.value = new Map(results.value).set(id, result)
  }
  async function attempt(work: () => Promise<void>): Promise<void> {
    if (replaying.value) return
    replaying.value = true
    told.value = ''
    try {
      await work()
      error.value = null
      asking = setTimeout(() => void load(false), resultsMs)
    } catch (failure) {
      error.value = failure
    } finally {
      replaying.value = false
    }
  }

  return {
    items,
    summary,
    error,
    loaded,
    loading,
    replaying,
    told,
    hasMore: computed(() => cursor.value !== null),
    more: () => load(true),
    reload: () => load(false),
    /** What became of a letter: what was just answered, else what is stored of it. */
    resultOf: (letter: DeadLetter): ReplayResult | null => {
      const fresh = results.value.get(letter.id)
      if (fresh && (letter.replay === null || fresh.at > letter.replay.at)) return fresh
      return letter.replay
    },
    replay: (letter: DeadLetter) =>
      attempt(async () => {
        const path = `/dead-letters/${encodeURIComponent(letter.id)}/replay`
        const answer = await api.post<LetterReplay>(path, undefined, { verbatim: true })
        note(answer.id, answer.replay)
      }),
    replayAll: () =>
      attempt(async () => {
        const answer = await api.post<ReplayAnswer>(
          '/dead-letters/replay',
          { filter: askOf(filter.value) },
          { verbatim: true },
        )
        for (const one of answer.results) note(one.id, one.replay)
        const done = (state: ReplayResult['state']) => answer.results.filter((one) => one.replay.state === state).length
        const parts = [
          `${answer.asked} asked to be taken in again`,
          done('accepted') > 0 ? `${done('accepted')} accepted` : '',
          done('refused') > 0 ? `${done('refused')} refused again` : '',
          answer.skipped > 0 ? `${answer.skipped} cannot be` : '',
          answer.more ? 'more match: ask again' : '',
        ]
        told.value = `${parts.filter(Boolean).join(', ')}.`
      }),
  }
}
