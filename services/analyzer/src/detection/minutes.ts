import { grown } from './track-table.ts'
import type { UnitState } from './unit-state.ts'

/** Sums of the open minute, per track. Plain data: it is stored as it is. */
export interface MinuteState {
  sum: Float64Array
  buckets: Uint16Array
}

export interface Minutes {
  readonly state: MinuteState
  add(unit: UnitState, track: number, value: number): void
  has(track: number): boolean
  /** Writes tracks and means of the unit's open minute to the columns, and answers how many. */
  take(unit: UnitState, track: Int32Array, value: Float64Array): number
  /** Begins anew. */
  clear(unit: UnitState): void
  forgetTrack(unit: UnitState, track: number): void
}

const INITIAL = 256

export function createMinuteState(): MinuteState {
  return { sum: new Float64Array(INITIAL), buckets: new Uint16Array(INITIAL) }
}

export function createMinutes(state: MinuteState): Minutes {
  return {
    state,
    add(unit, track, value) {
      if (track >= state.sum.length) {
        const length = Math.max(track + 1, state.sum.length * 2)
        state.sum = grown(state.sum, length)
        state.buckets = grown(state.buckets, length)
      }
      if (state.buckets[track] === 0) {
        if (unit.touchedCount >= unit.touched.length) unit.touched = grown(unit.touched, unit.touched.length * 2)
        unit.touched[unit.touchedCount++] = track
        state.sum[track] = 0
      }
      state.sum[track]! += value
      state.buckets[track]! += 1
    },
    has: (track) => state.buckets[track]! > 0,
    take(unit, track, value) {
      const { touched, touchedCount } = unit
      for (let i = 0; i < touchedCount; i++) {
        const each = touched[i]!
        track[i] = each
        value[i] = state.sum[each]! / state.buckets[each]!
      }
      return touchedCount
    },
    clear(unit) {
      for (let i = 0; i < unit.touchedCount; i++) state.buckets[unit.touched[i]!] = 0
      unit.touchedCount = 0
    },
    forgetTrack(unit, track) {
      if (track >= state.buckets.length || state.buckets[track] === 0) return
      state.buckets[track] = 0
      const at = unit.touched.subarray(0, unit.touchedCount).indexOf(track)
      unit.touched.copyWithin(at, at + 1, unit.touchedCount)
      unit.touchedCount -= 1
    },
  }
}
