import type { Alert } from '../api/types.ts'
import { readableId } from '../process-id.ts'

/** More than this at once is a number, not a list. */
export const noticesMax = 3
/** A notice stays this long unless a hand rests on it. */
export const noticeMs = 12_000

export interface Notice {
  readonly alert: Alert
  readonly untilMs: number
}

/** The notices after some arrived: newest last, those that are over left out, the oldest give way. */
export function withArrived(notices: readonly Notice[], arrived: readonly Alert[], nowMs: number): Notice[] {
  const fresh = arrived.map((alert) => ({ alert, untilMs: nowMs + noticeMs }))
  const ids = new Set(arrived.map((alert) => alert.id))
  return [...notices.filter((one) => one.untilMs > nowMs && !ids.has(one.alert.id)), ...fresh].slice(-noticesMax)
}

/** As a screen reader says it. */
export function spoken(arrived: readonly Alert[]): string {
  if (arrived.length > noticesMax) return `${arrived.length} new alerts`
  return arrived
    .map((alert) => {
      const { path, last } = readableId(alert.processId)
      return `New ${alert.severity} alert, ${path}${last}: ${alert.message}`
    })
    .join('. ')
}
