import type { AliveGroups, HostState, TableState } from './state.ts'

/** Ends are counted with this memory. */
const MEMORY_MS = 600_000
const STEADY_AGE_MS = 180_000
/** One end lately may have been a restart; two are the way of what comes and goes. */
const STEADY_ENDS_MAX = 1.2
const SETTLED_AGE_MS = 1_800_000

export function noteEnd({ turnover }: TableState, slot: number, nowMs: number): void {
  const known = turnover.get(slot)
  if (known === undefined) turnover.set(slot, { ends: 1, atMs: nowMs })
  else {
    known.ends = endsAt(known, nowMs) + 1
    known.atMs = Math.max(known.atMs, nowMs)
  }
}

const endsAt = ({ ends, atMs }: { ends: number; atMs: number }, nowMs: number): number =>
  ends * Math.exp(-Math.max(0, nowMs - atMs) / MEMORY_MS)

/**
 * Whether what a group does now can be compared with what it did: at once when its instances stay, and after half an
 * hour when some of them come and go beside one that stays. A shell's memory depends on what it was started for.
 */
export function steadinessOf(
  { table }: HostState,
  slot: number,
  alive: AliveGroups,
  nowMs: number,
): 'steady' | 'settled' | 'changing' {
  const group = alive.get(slot)
  if (group === undefined) return 'changing'
  const ageMs = nowMs - group.oldestStartMs
  const turnover = table.turnover.get(slot)
  const ends = turnover === undefined ? 0 : endsAt(turnover, nowMs)
  if (ageMs >= STEADY_AGE_MS && ends <= STEADY_ENDS_MAX) return 'steady'
  return ageMs >= SETTLED_AGE_MS && ends <= 2 + group.count / 2 ? 'settled' : 'changing'
}
