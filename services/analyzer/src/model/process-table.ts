import { EndKind, type ProcessEnds, type ProcessIdentities } from '@driftline/proto'
import type { AliveGroups, Bucket, HostState, Instance } from './state.ts'
import { bump } from './state.ts'

/** A frame of the process table, as far as KPIs need it. */
export interface Frame {
  readonly timeMs: number
  readonly keyFrame: boolean
  readonly strings: readonly string[]
  readonly started: ProcessIdentities | undefined
  readonly ended: ProcessEnds | undefined
}

/** A group that comes back within this time after losing all instances has been restarted. */
const RESTART_WITHIN_MS = 10_000
/** An instance of this age makes its group one that runs for long: only of those is a restart unexpected. */
const LONG_RUNNING_MS = 60_000
/** For so long after its last long run a group still counts as one; restart loops are made of short runs. */
const LONG_RUNNING_FOR_MS = 600_000

/** What one frame does to groups, by slot. */
interface FrameEffects {
  readonly started: Map<number, number>
  /** Ends that nobody saw the status of. */
  readonly unknownEnds: Map<number, number>
  readonly longest: Map<number, number>
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
  const effects: FrameEffects = { started: new Map(), unknownEnds: new Map(), longest: new Map() }
  const before = table.alive
  const changed = frame.keyFrame || frame.ended !== undefined || frame.started !== undefined
  if (frame.ended !== undefined) applyEnds(host, frame.ended, frame.timeMs, bucket, effects)
  if (frame.started !== undefined || frame.keyFrame) applyStarts(host, frame, effects, slotOf)
  if (changed) table.alive = countAlive(table.instances)
  judgeEnds(host, frame.timeMs, before, bucket, effects)
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
  effects: FrameEffects,
): void {
  const { instances } = host.table
  for (const [row, pid] of ended.pid.entries()) {
    const startTimeMs = Number(ended.startTimeMs[row])
    const instance = instances.get(pid)
    if (instance === undefined || instance.startTimeMs !== startTimeMs) continue
    instances.delete(pid)
    const { slot } = instance
    if (slot === -1) continue
    const lifetimeMs = Math.max(0, timeMs - startTimeMs)
    effects.longest.set(slot, Math.max(effects.longest.get(slot) ?? 0, lifetimeMs))
    const kind = ended.kind[row]
    if (kind === EndKind.UNSPECIFIED) bump(effects.unknownEnds, slot, 1)
    if (bucket === null) continue
    const lifetimes = bucket.lifetimes.get(slot)
    if (lifetimes === undefined) bucket.lifetimes.set(slot, [lifetimeMs])
    else lifetimes.push(lifetimeMs)
    if (kind === EndKind.SUCCESS) bump(bucket.expectedEnds, slot, 1)
    if (kind === EndKind.FAILURE) bump(bucket.unexpectedEnds, slot, 1)
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
    // Start times are told by the host's boot time and ticks, so they may be off by some of its intervals.
    const began = !frame.keyFrame || startTimeMs > table.frameTimeMs - RESTART_WITHIN_MS
    if (isNew && began && slot !== -1 && table.frameTimeMs > Number.NEGATIVE_INFINITY) bump(effects.started, slot, 1)
    after.set(pid, { startTimeMs, slot })
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

/**
 * Decides about ends whose status nobody saw. An end is unexpected when its group, one that runs for long, lost all
 * its instances and came back within seconds; else it is expected. Until that is known, it counts as neither.
 */
function judgeEnds(
  host: HostState,
  timeMs: number,
  before: AliveGroups,
  bucket: Bucket | null,
  effects: FrameEffects,
): void {
  const { table } = host
  for (const [slot, longestMs] of effects.longest) {
    if (longestMs >= LONG_RUNNING_MS) table.longRunningUntilMs.set(slot, timeMs + LONG_RUNNING_FOR_MS)
  }
  for (const [slot, ends] of effects.unknownEnds) {
    const ranLong = (table.longRunningUntilMs.get(slot) ?? 0) > timeMs
    const survivors = (table.alive.get(slot)?.count ?? 0) - (effects.started.get(slot) ?? 0)
    if (ranLong && survivors <= 0 && before.has(slot)) table.lost.set(slot, { lostAtMs: timeMs, ends })
    else if (bucket !== null) bump(bucket.expectedEnds, slot, ends)
  }
  for (const [slot, { lostAtMs, ends }] of table.lost) {
    const cameBack = table.alive.has(slot) && timeMs - lostAtMs <= RESTART_WITHIN_MS
    if (!cameBack && timeMs - lostAtMs <= RESTART_WITHIN_MS) continue
    table.lost.delete(slot)
    if (bucket !== null) bump(cameBack ? bucket.unexpectedEnds : bucket.expectedEnds, slot, ends)
  }
  for (const [slot, untilMs] of table.longRunningUntilMs) if (untilMs < timeMs) table.longRunningUntilMs.delete(slot)
}

/** Whether an instance of a group has run for a minute at a time, or had within the ten minutes before. */
export function isLongRunning(host: HostState, slot: number, alive: AliveGroups, timeMs: number): boolean {
  const oldestMs = timeMs - (alive.get(slot)?.oldestStartMs ?? Number.POSITIVE_INFINITY)
  return oldestMs >= LONG_RUNNING_MS || (host.table.longRunningUntilMs.get(slot) ?? 0) > timeMs
}
