import type { Excursion } from './excursion.ts'
import type { Lesson } from './lessons.ts'
import type { OpenPoint } from './point-findings.ts'
import type { FlowMemory } from './runs/run-memory.ts'

/** What detection knows of one unit: a host with its processes, a device, a service. Plain data, stored as it is. */
export interface UnitState {
  /** Routing key, such as `default/host:web-1`. */
  readonly key: string
  readonly tenant: string
  /** Detectors were told that time has come so far, in whole buckets; -Infinity before the first. */
  toldMs: number
  /** Start of the minute that is being summed up; NaN without one. */
  minuteMs: number
  /** Minutes that start before this are closed. */
  minutesClosedMs: number
  /** Tracks with data in the open minute; `touchedCount` are in use. */
  touched: Int32Array
  touchedCount: number
  /** The minute before it, while that is not learnt; null when it is. */
  lesson: Lesson | null
  /** Of the last record on `anomalies`. */
  anomalySequence: number
  readonly excursions: Map<string, Excursion>
  /** Findings of one moment that are still open, oldest first. */
  readonly points: OpenPoint[]
  /** Of a flow, once it has run. */
  runs?: FlowMemory
}

const INITIAL_TOUCHED = 16

export function createUnitState(key: string, tenant: string): UnitState {
  return {
    key,
    tenant,
    toldMs: Number.NEGATIVE_INFINITY,
    minuteMs: Number.NaN,
    minutesClosedMs: Number.NEGATIVE_INFINITY,
    touched: new Int32Array(INITIAL_TOUCHED),
    touchedCount: 0,
    lesson: null,
    anomalySequence: 0,
    excursions: new Map(),
    points: [],
  }
}
