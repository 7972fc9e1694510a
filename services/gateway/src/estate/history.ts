import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import { readFramesBetween, readFramesTo } from '../queries/snapshots.ts'
import type { Estate } from './estate.ts'
import { type Frame, type HostState, type PastTable, replaceTable, replay, tableFromRecent } from './host-state.ts'

/** The past of hosts: what the store has, and from memory what it may not have yet. */
export interface History {
  /**
   * The process table at a moment, as of the last frame before which none is missing; null when no key frame is known
   * yet that reaches back to it.
   */
  tableAt(tenant: string, host: string, atMs: number): Promise<PastTable | null>
  /**
   * Frames after one moment up to another, oldest first. They follow on each other: after a gap the next is a key
   * frame, what came between is left out.
   */
  framesBetween(tenant: string, host: string, afterMs: number, toMs: number): Promise<readonly Frame[]>
  /** Rebuilds the live table of a host that missed frames; answers whether it is whole now. */
  rebuild(tenant: string, host: string): Promise<boolean>
}

export function createHistory(deps: { store: AnalyticsStore; estate: Estate }): History {
  const { store, estate } = deps
  const recentOf = (tenant: string, host: string): readonly Frame[] =>
    estate.tenant(tenant).hosts.get(host)?.recent ?? []

  return {
    async tableAt(tenant, host, atMs) {
      const state = estate.tenant(tenant).hosts.get(host)
      const fromMemory = state ? tableFromRecent(state, atMs) : null
      if (fromMemory) return fromMemory
      const stored = await readFramesTo(store, tenant, host, atMs)
      return replay(joinFrames(stored, recentOf(tenant, host), Number.NEGATIVE_INFINITY, atMs))
    },
    async framesBetween(tenant, host, afterMs, toMs) {
      const recent = recentOf(tenant, host)
      const gaps = recent.some(({ gapBefore, timeMs }) => gapBefore && timeMs > afterMs && timeMs <= toMs)
      const inMemory = recent.length > 0 && recent[0]!.timeMs <= afterMs && !gaps
      const stored = inMemory ? [] : await readFramesBetween(store, tenant, host, afterMs, toMs)
      return joinFrames(stored, recentOf(tenant, host), afterMs, toMs)
    },
    async rebuild(tenant, host) {
      const stored = await readFramesTo(store, tenant, host, FAR_FUTURE_MS)
      const state = estate.tenant(tenant).ensureHost(host)
      // Frames came while the store answered; from here on nothing waits, so none is lost.
      const newer = state.recent.filter((frame) => frame.timeMs > (stored.at(-1)?.timeMs ?? 0))
      const table = replay([...stored, ...newer])
      if (!table) return false
      const whole = stored.length > 0 && overlaps(stored, state) && !newer.some((frame) => frame.gapBefore)
      if (whole || !state.complete) replaceTable(state, { ...table, complete: whole || newer.some((f) => f.keyFrame) })
      state.heardAtMs = Math.max(state.heardAtMs, table.timeMs)
      estate.tenant(tenant).settleGroups(host)
      return state.complete
    },
  }
}

const FAR_FUTURE_MS = Date.UTC(2200, 0, 1)

/** Whether the store reaches into what memory has; else frames between the two may be missing. */
function overlaps(stored: readonly Frame[], state: HostState): boolean {
  const first = state.recent[0]
  return first === undefined || (stored.at(-1)?.timeMs ?? 0) >= first.timeMs
}

/**
 * Stored frames, then those of memory that are newer, within a stretch. Where frames are missing, also where memory
 * begins after the store ends, the changes up to the next key frame are left out: on another table they would be wrong.
 */
export function joinFrames(stored: readonly Frame[], recent: readonly Frame[], afterMs: number, toMs: number): Frame[] {
  const lastKnownMs = stored.at(-1)?.timeMs ?? afterMs
  const joined = [...stored]
  let follows = recent.length > 0 && recent[0]!.timeMs <= lastKnownMs
  for (const frame of recent) {
    if (frame.timeMs <= lastKnownMs || frame.timeMs > toMs) continue
    follows = frame.keyFrame || (follows && !frame.gapBefore)
    if (follows) joined.push(frame)
  }
  return joined
}
