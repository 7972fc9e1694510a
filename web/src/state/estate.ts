import { defineStore } from 'pinia'
import { computed, getCurrentScope, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { api } from '../api/client.ts'
import { useLive, useLiveConnection } from '../api/live.ts'
import type { EstateDrift, OperationalDashboard, OverviewChanges, ProcessItem } from '../api/types.ts'
import { createDriftLines, type DriftLine } from '../drift/lines.ts'
import { hasEnded } from './ended.ts'
import { useTime } from './time.ts'

/** A moment is asked for when time has rested on it this long; longer while a hand drags through many of them. */
const pastDelayMs = 120
const dragDelayMs = 350
const stripEveryMs = 300_000

/**
 * All processes of the estate, live or at the moment rewound to. One copy for the app: the overview, the palette and
 * the lists read it. `items` is one map changed in place; `version` grows with every change.
 */
export const useEstate = defineStore('estate', () => {
  const time = useTime()
  const connection = useLiveConnection()
  const items = shallowRef(new Map<string, ProcessItem>())
  const version = ref(0)
  const users = ref(0)
  const loaded = ref(false)
  const error = shallowRef<unknown>(null)
  const drift = createDriftLines()
  /** The strip's day: always up to now, also while the page shows the past. */
  const estateDrift = shallowRef<readonly EstateDrift[]>([])
  /** In the server's clock; rewound, the moment shown. */
  const nowMs = computed(() => time.atMs ?? time.nowMs + connection.clockOffsetMs)
  /** Groups that have no instance any more stand apart from what lives. */
  const parts = computed(() => {
    void version.value
    const living: ProcessItem[] = []
    const ended: ProcessItem[] = []
    for (const item of items.value.values()) (hasEnded(item, nowMs.value) ? ended : living).push(item)
    return { living, ended }
  })

  function take(dashboard: OperationalDashboard): void {
    items.value = new Map(dashboard.processes.map((item) => [item.processId, item]))
    drift.fill(dashboard.processes)
    if (time.isLive) estateDrift.value = dashboard.estateDrift ?? []
    loaded.value = true
    error.value = null
    version.value++
  }

  const { error: refused } = useLive<OperationalDashboard, OverviewChanges>(
    () => (users.value > 0 ? 'overview' : null),
    {
      snapshot: take,
      changes(changes) {
        for (const item of changes.processes) items.value.set(item.processId, item)
        for (const one of changes.drift ?? []) drift.put(one.processId, Date.parse(one.time), one.deviation)
        for (const id of changes.removed) {
          items.value.delete(id)
          drift.forget(id)
        }
        version.value++
      },
    },
  )

  /** Buckets of the strip close every few minutes, and no channel carries them. */
  async function refreshStrip(): Promise<void> {
    if (users.value === 0 || document.hidden) return
    const dashboard = await api.get<OperationalDashboard>('/overview').catch(() => null)
    if (dashboard) estateDrift.value = dashboard.estateDrift ?? []
  }
  setInterval(refreshStrip, stripEveryMs)

  let asking: AbortController | null = null
  async function loadPast(at: string): Promise<void> {
    asking?.abort()
    const mine = new AbortController()
    asking = mine
    try {
      await new Promise((resolve) => setTimeout(resolve, time.dragging ? dragDelayMs : pastDelayMs))
      if (mine.signal.aborted) return
      const dashboard = await api.get<OperationalDashboard>('/overview', { query: { at }, signal: mine.signal })
      if (!mine.signal.aborted) take(dashboard)
    } catch (failure) {
      if (!mine.signal.aborted) error.value = failure
    }
  }
  watch(
    () => (users.value > 0 ? time.at : null),
    (at) => {
      if (at === null) asking?.abort()
      else {
        void loadPast(at)
        // A link into the past opens without ever having been live.
        if (estateDrift.value.length === 0) void refreshStrip()
      }
    },
    { immediate: true },
  )

  return {
    items,
    parts,
    nowMs,
    version,
    loaded,
    estateDrift,
    drift,
    /** The hour up to the moment shown; the same object while nothing changed. */
    driftOf(id: string): DriftLine {
      void version.value
      return drift.of(id, nowMs.value)
    },
    error: computed(() => (refused.value ? new Error(refused.value) : error.value)),
    /** Keeps the estate up to date for as long as the calling component lives. */
    use(): void {
      users.value++
      if (getCurrentScope()) onScopeDispose(() => users.value--)
    },
    reload: () => (time.at ? loadPast(time.at) : Promise.resolve(connection.socket.retryNow())),
  }
})
