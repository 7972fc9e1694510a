import type { ProcessItem } from '../api/types.ts'

/** A group that ended is shown this long, so that what comes and goes each second does not flicker. */
const shownMs = 60_000

/** Whether the last instance of a group ended more than a minute ago. */
export function hasEnded(item: Pick<ProcessItem, 'endedAt'>, nowMs: number): boolean {
  return item.endedAt !== null && nowMs - Date.parse(item.endedAt) > shownMs
}
