import { fromBinary } from '@bufbuild/protobuf'
import { HostDescriptionSchema, ProcessTableSchema } from '@driftline/proto'
import type { HostDescription } from '../schemas/hosts.ts'
import { applyFrame, countGroups, type Rows, type TableChanges } from './process-table.ts'

/** A frame of a host as it came over the bus or out of the store; the bytes are our own copy. */
export interface Frame {
  readonly timeMs: number
  readonly keyFrame: boolean
  /** Encoded HostDescription; empty in most frames that are not key frames. */
  readonly description: Uint8Array
  /** Encoded ProcessTable. */
  readonly table: Uint8Array
  /** Whether frames between the one before and this one are missing. */
  readonly gapBefore: boolean
}

/** What is known of a host now. Changed only by the functions of this file. */
export interface HostState {
  readonly host: string
  rows: Rows
  /** Instances per group, kept with `rows`. */
  groups: Map<string, number>
  description: HostDescription | null
  /** Event time of the newest frame; null before the first. */
  timeMs: number | null
  /** When the newest frame arrived here. */
  heardAtMs: number
  /** False while frames are missing since the last key frame: the table may hold what is gone or lack what is new. */
  complete: boolean
  /** Newest frames, oldest first, that the store may not have yet. */
  readonly recent: Frame[]
  recentBytes: number
}

/** Bounds of the newest frames kept in memory; what is older is in the store. */
export interface RecentLimits {
  readonly durationMs: number
  readonly bytes: number
}

export function createHostState(host: string): HostState {
  return {
    host,
    rows: new Map(),
    groups: new Map(),
    description: null,
    timeMs: null,
    heardAtMs: 0,
    complete: false,
    recent: [],
    recentBytes: 0,
  }
}

/**
 * Applies a frame and remembers it. A change that is not newer than the table is skipped (null): it was applied
 * already, or belongs to a past that the table has left.
 */
export function advanceHost(
  state: HostState,
  frame: Frame,
  heardAtMs: number,
  limits: RecentLimits,
): TableChanges | null {
  if (state.timeMs !== null && frame.timeMs <= state.timeMs) return null
  const table = fromBinary(ProcessTableSchema, frame.table)
  const changes = applyFrame(state.rows, table, frame.keyFrame)
  state.timeMs = frame.timeMs
  state.heardAtMs = heardAtMs
  if (frame.description.length > 0) state.description = readDescription(frame.description)
  if (frame.keyFrame) state.complete = true
  else if (frame.gapBefore || changes.orphans > 0) state.complete = false
  if (changes.membership) state.groups = countGroups(state.rows)
  remember(state, frame, limits)
  return changes
}

/** Replaces the table by one that was rebuilt from the store; frames that came meanwhile must be part of it. */
export function replaceTable(
  state: HostState,
  rebuilt: { rows: Rows; timeMs: number; description: HostDescription | null; complete: boolean },
): void {
  state.rows = rebuilt.rows
  state.groups = countGroups(rebuilt.rows)
  state.timeMs = rebuilt.timeMs
  state.description = rebuilt.description ?? state.description
  state.complete = rebuilt.complete
}

function remember(state: HostState, frame: Frame, limits: RecentLimits): void {
  state.recent.push(frame)
  state.recentBytes += frame.table.length
  let drop = 0
  while (drop < state.recent.length - 1) {
    const oldest = state.recent[drop]!
    if (state.recentBytes <= limits.bytes && oldest.timeMs >= frame.timeMs - limits.durationMs) break
    state.recentBytes -= oldest.table.length
    drop++
  }
  if (drop > 0) state.recent.splice(0, drop)
}

export interface PastTable {
  readonly rows: Rows
  /** Event time of the last frame that is in the table. */
  readonly timeMs: number
  readonly description: HostDescription | null
}

/** The table at a moment from the frames in memory; null when they do not reach back to a key frame without a gap. */
export function tableFromRecent(state: HostState, atMs: number): PastTable | null {
  const frames = state.recent
  let end = frames.length
  while (end > 0 && frames[end - 1]!.timeMs > atMs) end--
  let start = end - 1
  while (start >= 0 && !frames[start]!.keyFrame) {
    if (frames[start]!.gapBefore) return null
    start--
  }
  return start < 0 ? null : replay(frames.slice(start, end))
}

/** Applies frames in order to an empty table; the first should be a key frame. Null for none. */
export function replay(frames: readonly Frame[]): PastTable | null {
  const last = frames.at(-1)
  if (last === undefined) return null
  const rows: Rows = new Map()
  let description: HostDescription | null = null
  for (const frame of frames) {
    applyFrame(rows, fromBinary(ProcessTableSchema, frame.table), frame.keyFrame)
    if (frame.description.length > 0) description = readDescription(frame.description)
  }
  return { rows, timeMs: last.timeMs, description }
}

export function readDescription(encoded: Uint8Array): HostDescription {
  const message = fromBinary(HostDescriptionSchema, encoded)
  const bootTimeMs = Number(message.bootTimeMs)
  return {
    osName: message.osName,
    osVersion: message.osVersion,
    kernel: message.kernel,
    architecture: message.architecture,
    logicalCpus: message.logicalCpus,
    memoryBytes: Number(message.memoryBytes),
    bootTime: bootTimeMs > 0 ? new Date(bootTimeMs).toISOString() : null,
    agentVersion: message.agentVersion,
    intervalSeconds: message.intervalMs / 1000,
  }
}
