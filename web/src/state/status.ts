import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api } from '../api/client.ts'
import { useLiveConnection } from '../api/live.ts'
import type { SystemStatus } from '../api/types.ts'
import { useTime } from './time.ts'

/** Figures about Driftline itself are aggregates: they may be as old as this. */
const refreshMs = 10_000

/** What the foot says about Driftline itself, and since when there is data at all. */
export const useStatus = defineStore('status', () => {
  const live = useLiveConnection()
  const time = useTime()
  const system = shallowRef<SystemStatus | null>(null)
  const dataSinceMs = ref<number | null>(null)
  const learningUntilMs = ref<number | null>(null)

  async function refresh(): Promise<void> {
    const answer = await api.get<SystemStatus>('/status')
    system.value = answer
    const millis = (text: string | null) => (text === null ? null : Date.parse(text))
    dataSinceMs.value = millis(answer.dataSince)
    learningUntilMs.value = millis(answer.learningUntil)
    time.noteBeginning(dataSinceMs.value)
  }

  /** Runs until stopped; what fails is tried again next time, the error belongs to the page that shows values. */
  function start(): () => void {
    const round = () => {
      if (!document.hidden) refresh().catch(() => undefined)
    }
    if (system.value === null) round()
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
