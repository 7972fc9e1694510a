import { EndKind, type ProcessEnds, type ProcessIdentities } from '@driftline/proto'
import { awaitRestart, expireSeats, leaveSeat, type SeatChanges, seatKey, takeSeat } from './seats.ts'
import type { AliveGroups, Bucket, HostState, Instance } from './state.ts'
import { bump } from './state.ts'
import { noteEnd } from './steadiness.ts'

/** A frame of the process table, as far as KPIs need it. */
export interface Frame {
  readonly timeMs: number
  readonly keyFrame: boolean
  readonly strings: readonly string[]
  readonly started: ProcessIdentities | undefined
  readonly ended: ProcessEnds | undefined
}

/** Start times are told by the host's boot time and ticks: they may be off by some of its intervals. */
const START_TOLERANCE_MS = 10_000
/** An instance of this age makes its group one that runs for long: only of those is a restart unexpected. */
const LONG_RUNNING_MS = 60_000
/** For as long after its last long run as that had lasted, but no longer than this, a group still counts as one. */
const LONG_RUNNING_FOR_MS = 600_000

/** What one frame does to groups, by slot. */
interface FrameEffects {
  readonly started: Map<number, number>
  readonly seats: SeatChanges
}

/**
 * Applies a frame to a host's table and tells its bucket of starts and ends; the bucket is null when it has closed.
 * `slotOf` gives the slot of a group's process id.
 */
export function applyFrame(
  host: HostState,
  frame: Frame,
  bucket: Bucket | null,
  slotOf: (group: string) => number,
): void {
  const { table } = host
  const effects: FrameEffects = { started: new Map(), seats: { left: [], taken: [] } }
  const changed = frame.keyFrame || frame.ended !== undefined || frame.started !== undefined
  if (frame.ended !== undefined) applyEnds(host, frame.ended, frame.timeMs, bucket, effects)
  if (frame.started !== undefined || frame.keyFrame) applyStarts(host, frame, effects, slotOf)
  if (changed) table.alive = countAlive(table.instances)
  judgeSeats(host, frame.timeMs, bucket, effects)
  if (bucket !== null) {
    for (const [slot, count] of effects.started) bump(bucket.starts, slot, count)
    bucket.alive = table.alive
  }
  table.frameTimeMs = Math.max(table.frameTimeMs, frame.timeMs)
}

function applyEnds(
  host: HostState,
  ended: ProcessEnds,
  timeMs: number,
  bucket: Bucket | null,
  { seats }: FrameEffects,
): void {
  const { instances, longRunningUntilMs } = host.table
  for (const [row, pid] of ended.pid.entries()) {
    const startTimeMs = Number(ended.startTimeMs[row])
    const instance = instances.get(pid)
    if (instance === undefined || instance.startTimeMs !== startTimeMs) continue
    instances.delete(pid)
    const { slot } = instance
    if (slot === -1) continue
    const lifetimeMs = Math.max(0, timeMs - startTimeMs)
    noteEnd(host.table, slot, timeMs)
    if (lifetimeMs >= LONG_RUNNING_MS) {
      const untilMs = timeMs + Math.min(LONG_RUNNING_FOR_MS, lifetimeMs)
      longRunningUntilMs.set(slot, Math.max(untilMs, longRunningUntilMs.get(slot) ?? 0))
    }
    const kind = ended.kind[row]
    const isAwaited = leaveSeat(host.table.seats, seats, instance, lifetimeMs, timeMs, kind)
    if (bucket === null) continue
    const lifetimes = bucket.lifetimes.get(slot)
    if (lifetimes === undefined) bucket.lifetimes.set(slot, [lifetimeMs])
    else lifetimes.push(lifetimeMs)
    if (instance.isContained) bucket.containedEnds.add(slot)
    if (kind === EndKind.FAILURE) bump(bucket.unexpectedEnds, slot, 1)
    else if (kind === EndKind.SUCCESS || !isAwaited) bump(bucket.expectedEnds, slot, 1)
  }
}

/**
 * Takes in new instances. What a key frame no longer names is gone without an end: nobody saw when. A start counts
 * when the instance began after the frame before, so that an agent that begins to look does not start everything.
 */
function applyStarts(host: HostState, frame: Frame, effects: FrameEffects, slotOf: (group: string) => number): void {
  const { table } = host
  const { started, strings } = frame
  const before = table.instances
  const after = frame.keyFrame ? new Map<number, Instance>() : before
  for (const [row, pid] of (started?.pid ?? []).entries()) {
    const startTimeMs = Number(started!.startTimeMs[row])
    const group = strings[started!.group[row] ?? 0] ?? ''
    const slot = group === '' ? -1 : slotOf(group)
    const known = before.get(pid)
    const isNew = known === undefined || known.startTimeMs !== startTimeMs
    const began = !frame.keyFrame || startTimeMs > table.frameTimeMs - START_TOLERANCE_MS
    const isSeen = slot !== -1 && table.frameTimeMs > Number.NEGATIVE_INFINITY
    if (isNew && began && isSeen) bump(effects.started, slot, 1)
    // An orphan is handed to another parent; who started it is what tells of a restart.
    const parentPid = isNew ? (started!.parentPid[row] ?? 0) : known.parentPid
    const command = strings[started!.command[row] ?? 0] ?? ''
    const isContained = (started!.container[row] ?? 0) !== 0
    const instance = { startTimeMs, slot, seat: seatKey(slot, parentPid, command), parentPid, isContained }
    // A program that was just forked shows its own name only after exec.
    if (began && isSeen && (isNew || known.seat !== instance.seat)) effects.seats.taken.push(instance)
    after.set(pid, instance)
  }
  if (after === before) return
  before.clear()
  for (const [pid, instance] of after) before.set(pid, instance)
}

function countAlive(instances: ReadonlyMap<number, Instance>): AliveGroups {
  const alive = new Map<number, { count: number; oldestStartMs: number }>()
  for (const { slot, startTimeMs } of instances.values()) {
    if (slot === -1) continue
    const group = alive.get(slot)
    if (group === undefined) alive.set(slot, { count: 1, oldestStartMs: startTimeMs })
    else {
      group.count += 1
      if (startTimeMs < group.oldestStartMs) group.oldestStartMs = startTimeMs
    }
  }
  return alive
}

/** Decides about ends whose status nobody saw: they are unexpected when they turn out to be part of a restart. */
function judgeSeats(host: HostState, timeMs: number, bucket: Bucket | null, { started, seats }: FrameEffects): void {
  const { table } = host
  for (const [slot, untilMs] of table.longRunningUntilMs) if (untilMs < timeMs) table.longRunningUntilMs.delete(slot)
  if (table.seats.size === 0 && seats.left.length === 0) return
  for (const left of seats.left) {
    // A pool replaces its workers while others go on: no restart.
    const survivors = (table.alive.get(left.slot)?.count ?? 0) - (started.get(left.slot) ?? 0)
    if (survivors <= 0) awaitRestart(table.seats, left)
    else {
      table.seats.delete(left.key)
      if (!left.failed && bucket !== null) bump(bucket.expectedEnds, left.slot, 1)
    }
  }
  for (const { slot, seat } of seats.taken) {
    const restart = takeSeat(table.seats, seat, timeMs)
    if (restart === null) continue
    table.longRunningUntilMs.set(slot, timeMs + LONG_RUNNING_FOR_MS)
    if (bucket === null) continue
    bump(bucket.restarts, slot, 1)
    if (!restart.failed) bump(bucket.unexpectedEnds, slot, 1)
  }
  for (const slot of expireSeats(table.seats, timeMs)) if (bucket !== null) bump(bucket.expectedEnds, slot, 1)
}

/** Whether an instance of a group has run for a minute at a time, or had a while before. */
export function isLongRunning(host: HostState, slot: number, alive: AliveGroups, timeMs: number): boolean {
  const oldestMs = timeMs - (alive.get(slot)?.oldestStartMs ?? Number.POSITIVE_INFINITY)
  return oldestMs >= LONG_RUNNING_MS || (host.table.longRunningUntilMs.get(slot) ?? 0) > timeMs
}
