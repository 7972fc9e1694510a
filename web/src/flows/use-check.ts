import { type MaybeRefOrGetter, onScopeDispose, shallowRef, toValue, watch } from 'vue'
import { api } from '../api/client.ts'
import type { Check, CheckChanges, CheckHeader } from '../api/flow-types.ts'
import { useLiveConnection } from '../api/live.ts'
import { hasEnded, withChanges } from './check-changes.ts'

/** Where the channel is not to be had, a running check is asked for so often. */
const pollMs = 1000
/** The clocks of browser and server are compared by what comes; what is further away than this is an old event. */
const freshMs = 5000

type Frame = Partial<CheckHeader> & CheckChanges

/** A snapshot may be the check itself or have it as `check`, as changes do. */
function checkOf(frame: Frame): Check {
  const { check, steps = [], lines = [], ...rest } = frame
  return { ...rest, ...check, steps, lines } as Check
}

/**
 * One check as it is, live until it ends; null is none. What is on the screen stays there until the next has come.
 * `serverNowMs` is the server's clock as its events tell it: elapsed times are counted by it.
 */
export function useCheck(id: MaybeRefOrGetter<string | null>) {
  const connection = useLiveConnection()
  const check = shallowRef<Check | null>(null)
  const error = shallowRef<unknown>(null)
  let offsetMs: number | null = null
  let stop: (() => void) | null = null
  let round = 0
  let hears = false

  function compareClocks(frame: CheckChanges): void {
    for (const step of frame.steps ?? []) {
      const newest = Math.max(Date.parse(step.startTime ?? '') || 0, Date.parse(step.endTime ?? '') || 0)
      const apart = Date.now() - newest
      if (newest > 0 && Math.abs(apart) < freshMs) offsetMs = Math.min(offsetMs ?? apart, apart)
    }
  }

  /** Once over, the whole is read again: those who may see bodies of answers get more of the message. */
  async function load(wanted: string): Promise<void> {
    const mine = round
    try {
      const answer = await api.get<Check>(`/checks/${encodeURIComponent(wanted)}`)
      if (mine !== round) return
      // Live news are newer than an answer that was on its way meanwhile.
      if (hears && !hasEnded(answer.overallStatus)) return
      check.value = answer
      error.value = null
      if (hasEnded(answer.overallStatus)) {
        stop?.()
        stop = null
      }
    } catch (failure) {
      if (mine === round) error.value = failure
    }
  }

  function follow(wanted: string): void {
    stop = connection.socket.subscribe(`check:${wanted}`, {
      snapshot(value) {
        hears = true
        const whole = checkOf(value as Frame)
        if (check.value?.checkId === wanted && hasEnded(check.value.overallStatus)) return
        check.value = whole
        error.value = null
        if (hasEnded(whole.overallStatus)) end(wanted)
      },
      changes(value) {
        if (check.value?.checkId !== wanted) return
        compareClocks(value as CheckChanges)
        check.value = withChanges(check.value, value as CheckChanges)
        if (hasEnded(check.value.overallStatus)) end(wanted)
      },
      error() {
        hears = false
      },
    })
  }
  function end(wanted: string): void {
    stop?.()
    stop = null
    void load(wanted)
  }

  const timer = setInterval(() => {
    const wanted = toValue(id)
    if (wanted === null || document.hidden || hears) return
    if (check.value?.checkId === wanted && hasEnded(check.value.overallStatus)) return
    void load(wanted)
  }, pollMs)

  watch(
    () => toValue(id),
    (wanted) => {
      round++
      stop?.()
      stop = null
      hears = false
      offsetMs = null
      error.value = null
      if (wanted === null) {
        check.value = null
        return
      }
      // Both at once: what runs comes by the channel, what is over comes whole by the answer.
      follow(wanted)
      void load(wanted)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    round++
    stop?.()
    clearInterval(timer)
  })

  return {
    check,
    error,
    reload: () => {
      const wanted = toValue(id)
      return wanted === null ? Promise.resolve() : load(wanted)
    },
    serverNowMs: (): number => Date.now() - (offsetMs ?? -connection.clockOffsetMs),
  }
}
