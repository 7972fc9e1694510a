import type { Core } from './engine-core.ts'
import { processFlag } from './track-table.ts'

/** Of programs that come and go beside one that stays, so much must have been learnt. */
const SETTLED_MINUTES = 30

/** Whether the instances of a group have stayed for long enough, or what is known of them is old enough. */
export function isComparable({ table, baselines }: Core, process: number, track: number): boolean {
  const flags = table.state.flags[process]!
  if ((flags & processFlag.steady) !== 0) return true
  return (flags & processFlag.settled) !== 0 && (track === -1 || baselines.minutes(track) >= SETTLED_MINUTES)
}
