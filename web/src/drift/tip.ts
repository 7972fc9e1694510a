import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { api } from '../api/client.ts'
import type { BaselineAnswer } from '../api/types.ts'
import { kpiNames } from '../charts/kpi-names.ts'
import type { DriftLine } from './lines.ts'

/** What is pointed at: a minute of a drift line, and where on the screen it is. */
export interface DriftPoint {
  readonly processId: string
  readonly line: DriftLine
  readonly index: number
  readonly timeMs: number
  /** Of the middle of the minute and of the line's edges, in px of the window. */
  readonly x: number
  readonly top: number
  readonly bottom: number
}

/** The KPI that was farthest from normal in a minute. */
export interface DriftCause {
  readonly metric: string
  readonly unit: string
  readonly value: number | null
  readonly centre: number | null
  readonly spread: number | null
}

const restMs = 180
const keptMs = 60_000
/** Lines and baselines are written by different hands: so much rounding is allowed between them. */
const sameWithin = 0.02

const closeTo = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(0.05, Math.abs(b) * sameWithin)

/** Of the KPIs known for a minute, the one that the line shows: the nearest in deviation, if it is near at all. */
export function causeOf(answers: readonly BaselineAnswer[], timeMs: number, deviation: number): DriftCause | null {
  let best: DriftCause | null = null
  let distance = Number.POSITIVE_INFINITY
  for (const answer of answers) {
    for (const point of answer.points) {
      if (point.deviation === null || Math.abs(Date.parse(point.time) - timeMs) >= (answer.step * 1000) / 2) continue
      const away = Math.abs(point.deviation - deviation)
      if (away >= distance) continue
      distance = away
      best = closeTo(point.deviation, deviation)
        ? { metric: answer.metric, unit: answer.unit, value: point.value, centre: point.centre, spread: point.spread }
        : null
    }
  }
  return best
}

/** The card under the pointer, one for all drift lines of the page: the cause is asked for once the pointer rests. */
export const useDriftTip = defineStore('drift-tip', () => {
  const point = shallowRef<DriftPoint | null>(null)
  const cause = shallowRef<DriftCause | null>(null)
  const asked = new Map<string, { readonly atMs: number; readonly answer: Promise<BaselineAnswer | null> }>()
  let resting: ReturnType<typeof setTimeout> | undefined

  function baseline(processId: string, metric: string, fromMs: number, toMs: number): Promise<BaselineAnswer | null> {
    const key = `${processId} ${metric} ${toMs}`
    const before = asked.get(key)
    if (before && Date.now() - before.atMs < keptMs) return before.answer
    for (const [old, { atMs }] of asked) if (Date.now() - atMs >= keptMs) asked.delete(old)
    const answer = api
      .get<BaselineAnswer>(`/processes/${encodeURIComponent(processId)}/baseline`, {
        query: { metric, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
      })
      .catch(() => null)
    asked.set(key, { atMs: Date.now(), answer })
    return answer
  }

  /** The KPI that is off now is asked for first; only a minute that was off by another asks for all. */
  async function explain(of: DriftPoint, likely: string | null): Promise<void> {
    const deviation = of.line.deviations[of.index]
    if (deviation === null || deviation === undefined) return
    const toMs = of.line.endsAtMs + 60_000
    const fromMs = toMs - 3_600_000
    const names = Object.entries(kpiNames).flatMap(([name, kpi]) => (kpi.id === null ? [] : [name]))
    for (const some of likely ? [[likely], names.filter((name) => name !== likely)] : [names]) {
      const answers = await Promise.all(some.map((name) => baseline(of.processId, name, fromMs, toMs)))
      if (point.value !== of) return
      const known = answers.filter((one): one is BaselineAnswer => one !== null)
      cause.value = causeOf(known, of.timeMs, deviation)
      if (cause.value !== null) return
    }
  }

  return {
    point,
    cause,
    show(next: DriftPoint, likely: string | null): void {
      const before = point.value
      if (before && before.processId === next.processId && before.index === next.index && before.line === next.line)
        return
      point.value = next
      cause.value = null
      clearTimeout(resting)
      resting = setTimeout(() => void explain(next, likely), restMs)
    },
    hide(): void {
      clearTimeout(resting)
      point.value = null
      cause.value = null
    },
  }
})
