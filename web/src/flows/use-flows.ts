import { computed, onScopeDispose, shallowRef } from 'vue'
import { api, type Page } from '../api/client.ts'
import type { FlowItem, FlowShort } from '../api/flow-types.ts'
import { useLiveConnection } from '../api/live.ts'

/** Rates, steps and schedules are no part of the channel: they are asked for so often, and when a run has ended. */
const refreshMs = 15_000
const restMs = 400

interface FlowsFrame {
  readonly items?: readonly FlowShort[]
  readonly flows?: readonly FlowShort[]
  readonly removed?: readonly string[]
}

const shorts = (frame: FlowsFrame | readonly FlowShort[]): readonly FlowShort[] =>
  'length' in frame ? (frame as readonly FlowShort[]) : (frame.items ?? frame.flows ?? [])

/** All flows, live: health, last and open run by channel `flows`, what the channel does not carry by asking again. */
export function useFlows() {
  const connection = useLiveConnection()
  const byId = shallowRef<ReadonlyMap<string, FlowItem>>(new Map())
  const loaded = shallowRef(false)
  const error = shallowRef<unknown>(null)
  let resting: ReturnType<typeof setTimeout> | undefined
  let round = 0

  async function reload(): Promise<void> {
    clearTimeout(resting)
    resting = undefined
    const mine = ++round
    try {
      const items: FlowItem[] = []
      let cursor: string | null = null
      do {
        const page: Page<FlowItem> = await api.get('/flows', { query: { limit: 1000, cursor } })
        items.push(...page.items)
        cursor = page.nextCursor ?? null
      } while (cursor !== null)
      if (mine !== round) return
      byId.value = new Map(items.map((item) => [item.id, item]))
      loaded.value = true
      error.value = null
    } catch (failure) {
      if (mine === round) error.value = failure
    }
  }
  const reloadSoon = (): void => {
    resting ??= setTimeout(() => void reload(), restMs)
  }

  function take(changed: readonly FlowShort[], removed: readonly string[]): void {
    if (!loaded.value) return
    const next = new Map(byId.value)
    for (const id of removed) next.delete(id)
    let isStale = false
    for (const one of changed) {
      const known = next.get(one.id)
      if (!known) {
        isStale = true
        continue
      }
      if (known.lastRun?.checkId !== one.lastRun?.checkId) isStale = true
      next.set(one.id, { ...known, health: one.health, lastRun: one.lastRun, openRun: one.openRun })
    }
    byId.value = next
    if (isStale) reloadSoon()
  }

  const stop = connection.socket.subscribe('flows', {
    snapshot: (value) => take(shorts(value as FlowsFrame), []),
    changes: (value) => take(shorts(value as FlowsFrame), (value as FlowsFrame).removed ?? []),
  })
  void reload()
  const timer = setInterval(() => {
    if (!document.hidden) void reload()
  }, refreshMs)
  onScopeDispose(() => {
    stop()
    clearInterval(timer)
    clearTimeout(resting)
    round++
  })

  return { items: computed(() => [...byId.value.values()]), byId, loaded, error, reload }
}
