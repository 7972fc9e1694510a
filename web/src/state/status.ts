import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, type Page } from '../api/client.ts'
import { useLiveConnection } from '../api/live.ts'
import type { ProcessDetail, SystemStatus } from '../api/types.ts'

/** Figures about Driftline itself are aggregates: they may be as old as this. */
const refreshMs = 10_000

/** What the foot says about Driftline itself, and since when there is data at all. */
export const useStatus = defineStore('status', () => {
  const live = useLiveConnection()
  const system = shallowRef<SystemStatus | null>(null)
  const dataSinceMs = ref<number | null>(null)
  const learningUntilMs = ref<number | null>(null)

  async function refresh(): Promise<void> {
    system.value = await api.get<SystemStatus>('/status')
  }

  /** The hosts were there first: their first sight is where the data begins. */
  async function findBeginning(): Promise<void> {
    const hosts = await api.get<Page<{ processId: string }>>('/hosts', { query: { limit: 20 } })
    const details = await Promise.all(
      hosts.items.map((host) => api.get<ProcessDetail>(`/processes/${encodeURIComponent(host.processId)}`)),
    )
    const firsts = details.map((detail) => Date.parse(detail.firstSeen)).filter(Number.isFinite)
    dataSinceMs.value = firsts.length > 0 ? Math.min(...firsts) : null
    const ends = details.map((detail) => Date.parse(detail.learningUntil ?? '')).filter(Number.isFinite)
    learningUntilMs.value = ends.length > 0 ? Math.max(...ends) : null
  }

  /** Runs until stopped; what fails is tried again next time, the error belongs to the page that shows values. */
  function start(): () => void {
    let rounds = 0
    const round = () => {
      if (document.hidden) return
      refresh().catch(() => undefined)
      if (dataSinceMs.value === null || rounds++ % 30 === 0) findBeginning().catch(() => undefined)
    }
    round()
    const timer = setInterval(round, refreshMs)
    return () => clearInterval(timer)
  }

  return {
    system,
    dataSinceMs,
    learningUntilMs,
    /** Measured here where the page shows a live table, else what the server measured. Milliseconds. */
    sourceToScreenMs: computed(() => live.latencyMs ?? system.value?.sourceToScreen.medianMs ?? null),
    refresh,
    start,
  }
})
