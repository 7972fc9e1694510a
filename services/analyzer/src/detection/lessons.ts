import { baselineRecords, type Trust } from './baseline-records.ts'
import { isComparable } from './comparable.ts'
import type { ClosedMinute } from './detector.ts'
import type { Core } from './engine-core.ts'
import type { UnitState } from './unit-state.ts'

/** A minute that was judged, and of which baselines have learnt the tracks before `at`. Plain data, stored as it is. */
export interface Lesson {
  readonly startMs: number
  readonly track: Int32Array
  readonly value: Float64Array
  /** Seconds of the minute with data, likewise by row. */
  readonly seconds: Uint16Array
  at: number
  /** Records on `baselines` so far. */
  records: number
}

/** A unit of many tracks learns a minute over so many seconds; one of few at once. */
const SECONDS = 20
const TRACKS_MIN = 250
const MINUTE_MS = 60_000

/** Takes a minute to be learnt, as time passes, or at once if it is short. The one before must have ended. */
export function beginLesson(core: Core, unit: number, state: UnitState, { startMs, ...minute }: ClosedMinute): void {
  const { buckets } = core.minutes.state
  const track = minute.track.slice(0, minute.count)
  const value = minute.value.slice(0, minute.count)
  const seconds = Uint16Array.from(track, (each) => buckets[each]!)
  state.lesson = { startMs, track, value, seconds, at: 0, records: 0 }
  if (minute.count <= TRACKS_MIN) learnOn(core, unit, state)
}

/** Publishes how far the next tracks of the minute were from what was normal, and lets baselines learn from them. */
export function learnOn(core: Core, unit: number, state: UnitState): void {
  const { lesson } = state
  if (lesson === null) return
  const { startMs, at, track, value } = lesson
  const end = at + Math.max(TRACKS_MIN, Math.ceil(track.length / SECONDS))
  const part = { track: track.subarray(at, end), value: value.subarray(at, end) }
  const minute = { unit, startMs, endMs: startMs + MINUTE_MS, count: part.track.length, ...part, lives: [] }
  lesson.at = end
  if (end >= track.length) state.lesson = null
  learning(core, () => {
    core.baselines.moveTo(startMs)
    const { baselines, table } = core
    const trust: Trust = {
      isComparable: (row) => isComparable(core, table.tracks.process[minute.track[row]!]!, minute.track[row]!),
      seconds: (row) => lesson.seconds[at + row]!,
    }
    const records = baselineRecords({ table, baselines, trust }, state, minute, lesson.records)
    lesson.records += records.length
    core.output.records.push(...records)
    core.baselines.learn(minute, core.table.tracks)
  })
}

/** Learns what is left: another minute is about to be judged by it, or numbers of tracks to be given to others. */
export function endLesson(core: Core, unit: number, state: UnitState): void {
  while (state.lesson !== null) learnOn(core, unit, state)
}

/** As of detectors, an exception in baselines is a mistake of ours: they begin anew, each time. */
export function learning(core: Core, work: () => void): void {
  try {
    work()
  } catch (error) {
    core.output.failures.push({ detector: 'baselines', error: error as Error })
    core.baselines = core.deps.createBaselines(core.config)
  }
}
