import { computed, onScopeDispose, type Ref, ref, shallowRef, watch } from 'vue'
import { api } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import type { LogHistogram, LogLine, LogPage, LogTailChanges, LogTailSnapshot } from '../../api/log-types.ts'
import { useTime } from '../../state/time.ts'
import { lineKey, mergeNewer } from './line-view.ts'
import { type LogSearch, paramsOf } from './query.ts'

const pageSize = 100
/** More lines than this are not kept: older ones are a search away. */
const linesMax = 2000
const tailMs = 2000
const histogramMs = 5000
/** The store is behind the bus by a few seconds: the tail looks that far back again. */
const lateMs = 15_000

/** Lines that fit a search over the page's range, newest first; at the end of a live range new ones come by themselves. */
export function useLogs(search: Ref<LogSearch>, following: Ref<boolean>, wanted: Ref<boolean>) {
  const time = useTime()
  const lines = shallowRef<readonly LogLine[]>([])
  /** Lines that came while nobody follows. */
  const held = shallowRef<readonly LogLine[]>([])
  const cursor = ref<string | null>(null)
  const histogram = shallowRef<LogHistogram | null>(null)
  const error = shallowRef<unknown>(null)
  const loaded = ref(false)
  const loading = ref(false)
  const dropped = ref(0)
  let round = 0
  let running: AbortController | null = null

  const path = (kind: '' | '/histogram', from: number, to: number, extra: Record<string, string> = {}): string => {
    const params = paramsOf(search.value)
    params.set('from', new Date(from).toISOString())
    params.set('to', new Date(to).toISOString())
    for (const [key, value] of Object.entries(extra)) params.set(key, value)
    return `/logs${kind}?${params}`
  }
  /** Live, a line may be dated a little ahead of this browser's clock. */
  const end = () => (time.isLive ? time.toMs + 5000 : time.toMs)

  async function load(): Promise<void> {
    const mine = ++round
    running?.abort()
    running = new AbortController()
    loading.value = true
    held.value = []
    dropped.value = 0
    void loadHistogram()
    try {
      const page = await api.get<LogPage>(path('', time.fromMs, end(), { limit: String(pageSize) }), {
        signal: running.signal,
        verbatim: true,
      })
      if (mine !== round) return
      lines.value = page.items
      cursor.value = page.nextCursor
      error.value = null
    } catch (failure) {
      if (mine === round) error.value = failure
    } finally {
      if (mine === round) {
        loading.value = false
        loaded.value = true
      }
    }
  }
  async function loadHistogram(): Promise<void> {
    const mine = round
    const found = await api
      .get<LogHistogram>(path('/histogram', time.fromMs, time.toMs), { verbatim: true })
      .catch(() => null)
    if (found && mine === round) histogram.value = found
  }
  async function more(): Promise<void> {
    if (loading.value || cursor.value === null || lines.value.length >= linesMax) return
    const mine = round
    loading.value = true
    try {
      const page = await api.get<LogPage>(
        path('', time.fromMs, end(), { limit: String(pageSize), cursor: cursor.value }),
        { verbatim: true },
      )
      if (mine !== round) return
      lines.value = [...lines.value, ...page.items]
      cursor.value = page.nextCursor
    } catch (failure) {
      if (mine === round) error.value = failure
    } finally {
      if (mine === round) loading.value = false
    }
  }

  function take(found: readonly LogLine[]): void {
    if (following.value) lines.value = mergeNewer(lines.value, found, linesMax)
    else {
      const known = new Set(lines.value.map(lineKey))
      held.value = mergeNewer(
        held.value,
        found.filter((line) => !known.has(lineKey(line))),
        linesMax,
      )
    }
  }
  /** Shows what was held back while somebody read. */
  function release(): void {
    lines.value = mergeNewer(lines.value, held.value, linesMax)
    held.value = []
  }

  // The channel of a process is the quickest; with words or fields to match, the store is asked instead.
  const channel = computed(() => {
    const { process, q, fields, pattern, source, origin } = search.value
    const plain = q === '' && fields.length === 0 && pattern === '' && source === '' && origin === ''
    return process !== '' && plain && wanted.value ? `logs:${process}` : null
  })
  const tail = useLive<LogTailSnapshot, LogTailChanges>(channel, {
    snapshot: () => undefined,
    changes(value) {
      const { levels } = search.value
      take([...value.lines].reverse().filter((line) => levels.length === 0 || levels.includes(line.level)))
      dropped.value += value.dropped
    },
  })
  let asking = false
  async function follow(): Promise<void> {
    if (!time.isLive || document.hidden || asking || !loaded.value || !wanted.value) return
    if (channel.value !== null && tail.error.value === null) return
    asking = true
    const mine = round
    const newest = Date.parse(held.value[0]?.time ?? lines.value[0]?.time ?? '')
    const from = Math.max(time.fromMs, (Number.isFinite(newest) ? newest : time.fromMs) - lateMs)
    try {
      const page = await api.get<LogPage>(path('', from, end(), { limit: '200' }), { verbatim: true })
      if (mine === round) take(page.items)
    } catch {
      // The next round asks again; what is shown stays.
    } finally {
      asking = false
    }
  }

  watch(
    [search, () => time.rangeMs, () => time.atMs, wanted],
    () => {
      if (wanted.value) void load()
    },
    { immediate: true },
  )
  const timers = [
    setInterval(() => void follow(), tailMs),
    setInterval(() => {
      if (time.isLive && !document.hidden && wanted.value) void loadHistogram()
    }, histogramMs),
  ]
  onScopeDispose(() => {
    for (const timer of timers) clearInterval(timer)
    running?.abort()
    round++
  })

  return {
    lines,
    held,
    dropped,
    histogram,
    error,
    loaded,
    loading,
    hasMore: computed(() => cursor.value !== null && lines.value.length < linesMax),
    isFull: computed(() => cursor.value !== null && lines.value.length >= linesMax),
    more,
    reload: load,
    release,
  }
}
