import { setTimeout as wait } from 'node:timers/promises'
import type { Assertion } from '@driftline/checks/types/parts'
import { judge } from '../../assess/assertions.ts'
import type { CheckAnswer, CheckContext } from '../../check-type.ts'

const FIRST_PAUSE_MS = 250
const PAUSE_MS_MAX = 1000
/** Left of the attempt's time, so that the answer says what was missing and not only that time ran out. */
const SPARE_MS = 500

export interface WaitWish {
  readonly waitSeconds: number
  readonly assertions: readonly Assertion[]
}

/**
 * Asks again until what it answers is as wanted, or the wait or the attempt is nearly over; then it answers what it found
 * last. Pauses grow from 250 ms to 1 s, and are never shorter than a question takes. Errors: those of `ask`.
 */
export async function askUntil(
  context: Pick<CheckContext, 'signal' | 'deadlineMs' | 'log'>,
  wish: WaitWish,
  ask: () => Promise<CheckAnswer>,
): Promise<CheckAnswer> {
  const beganMs = performance.now()
  const endMs = Math.min(beganMs + wish.waitSeconds * 1000, context.deadlineMs - SPARE_MS)
  let pauseMs = FIRST_PAUSE_MS
  for (let questions = 1; ; questions++) {
    const askedMs = performance.now()
    const answer = await ask()
    if (wish.waitSeconds === 0 || (await judge(answer, wish.assertions)) === null) return answer
    const nowMs = performance.now()
    const next = Math.max(pauseMs, nowMs - askedMs)
    if (nowMs + next > endMs) {
      context.log(
        `waited ${((nowMs - beganMs) / 1000).toFixed(1)} s, asked ${questions} times: it does not hold`,
        'warn',
      )
      return answer
    }
    if (questions === 1) context.log(`does not hold yet: waiting for up to ${Math.round(wish.waitSeconds)} s`)
    await wait(next, undefined, { signal: context.signal })
    pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)
  }
}
