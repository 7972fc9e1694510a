import { Severity } from '@driftline/proto'
import type { DetectionConfig, DetectionContext, Detector, Finding } from '../../detection/detector.ts'
import { createPerUnit, type PerUnit, type PerUnitState } from '../per-unit.ts'
import {
  createOpenings,
  holdBack,
  noteOpening,
  type Openings,
  openingsKey,
  passOpenings,
  windowMinutes,
} from './openings.ts'
import {
  changesWindowMinutes,
  createStateChanges,
  noteChange,
  passChanges,
  type StateChanges,
} from './state-changes.ts'

const TYPE = 'flapping'

/** What a series has been so far: nothing, off, on, or not a state at all. */
const seen = { nothing: 0, off: 1, on: 2, other: 3 } as const

interface Flapper {
  readonly openings: Map<string, Openings>
  readonly changes: Map<number, StateChanges>
}

interface State extends Record<string, unknown> {
  readonly version: 1
  /** `seen` of each track, and when it was seen first. */
  last: Uint8Array
  firstMs: Float64Array
  readonly flappers: PerUnitState<Flapper>
}

interface Judging {
  last: Uint8Array
  firstMs: Float64Array
  flappers: PerUnit<Flapper>
  readonly owners: Map<number, number>
}

/** States that go back and forth, and anomalies that open and close, again and again: told once, while it lasts. */
export function createFlapping(_config: DetectionConfig): Detector {
  const judging: Judging = {
    last: new Uint8Array(256),
    firstMs: new Float64Array(256),
    flappers: createPerUnit(),
    owners: new Map(),
  }
  return {
    type: TYPE,
    openAfterMs: 0,
    closeAfterMs: 10_000,
    onBucket(bucket, { tracks }) {
      for (let i = 0; i < bucket.count; i++) {
        const track = bucket.track[i]!
        if (tracks.kpi[track] !== -1) continue
        noteState(judging, bucket.unit, tracks.process[track]!, track, bucket.value[i]!, bucket.startMs)
      }
    },
    onTime(unit, nowMs, context) {
      for (const [process, flapper] of judging.flappers.of(unit) ?? []) {
        judgeOpenings(process, flapper, nowMs, context)
        judgeChanges(process, flapper, nowMs, context)
        if (flapper.openings.size + flapper.changes.size === 0) judging.flappers.delete(process)
      }
    },
    onExcursion(event, { processes }) {
      if (event.type === TYPE || !event.opened) return
      const { openings } = flapperOf(judging, processes.unit(event.process), event.process)
      const key = openingsKey(event)
      const known = openings.get(key) ?? createOpenings(event)
      openings.set(key, known)
      // Known by its track at once, and not only after a restart: the number may be given to another series.
      if (event.track !== -1) judging.owners.set(event.track, event.process)
      noteOpening(known, event)
    },
    holdsBack(event) {
      const known = judging.flappers.get(event.process)?.openings.get(openingsKey(event))
      return event.type !== TYPE && known !== undefined && holdBack(known, event)
    },
    forgetTrack(track) {
      if (track < judging.last.length) judging.last[track] = seen.nothing
      const flapper = judging.flappers.get(judging.owners.get(track) ?? -1)
      flapper?.changes.delete(track)
      for (const [key, openings] of flapper?.openings ?? []) if (openings.track === track) flapper!.openings.delete(key)
      judging.owners.delete(track)
    },
    forgetProcess: (process) => judging.flappers.delete(process),
    state: (): State => {
      const { last, firstMs, flappers } = judging
      return { version: 1, last, firstMs, flappers: flappers.state() }
    },
    restore(stored) {
      if (stored['version'] !== 1) throw new TypeError('flapping: the stored state is of another version')
      const state = stored as State
      judging.last = state.last
      judging.firstMs = state.firstMs
      judging.flappers = createPerUnit(state.flappers)
      judging.owners.clear()
      for (const flappers of state.flappers.values()) {
        for (const [process, flapper] of flappers) noteOwners(judging, process, flapper)
      }
    },
  }
}

function noteOwners({ owners }: Judging, process: number, { changes, openings }: Flapper): void {
  for (const track of changes.keys()) owners.set(track, process)
  for (const { track } of openings.values()) if (track !== -1) owners.set(track, process)
}

function flapperOf({ flappers }: Judging, unit: number, process: number): Flapper {
  const known = flappers.get(process)
  if (known !== undefined) return known
  const flapper: Flapper = { openings: new Map(), changes: new Map() }
  flappers.set(unit, process, flapper)
  return flapper
}

/** Only series that were never anything but 0 and 1 are states; a mean between them is a change within the second. */
function noteState(
  judging: Judging,
  unit: number,
  process: number,
  track: number,
  value: number,
  timeMs: number,
): void {
  if (track >= judging.last.length) grow(judging, track)
  const before = judging.last[track]!
  if (before === seen.other || !Number.isFinite(value)) return
  if (value < 0 || value > 1 || (before === seen.nothing && !Number.isInteger(value))) {
    judging.last[track] = seen.other
    judging.flappers.get(process)?.changes.delete(track)
    return
  }
  const now = value >= 0.5 ? seen.on : seen.off
  judging.last[track] = now
  if (before === seen.nothing) judging.firstMs[track] = timeMs
  if (before === seen.nothing || before === now) return
  const { changes } = flapperOf(judging, unit, process)
  const known = changes.get(track) ?? createStateChanges(judging.firstMs[track]!)
  changes.set(track, known)
  judging.owners.set(track, process)
  noteChange(known, timeMs)
}

function grow(judging: Judging, track: number): void {
  const length = Math.max(track + 1, judging.last.length * 2)
  const last = new Uint8Array(length)
  const firstMs = new Float64Array(length)
  last.set(judging.last)
  firstMs.set(judging.firstMs)
  judging.last = last
  judging.firstMs = firstMs
}

function judgeOpenings(process: number, { openings }: Flapper, nowMs: number, { report }: DetectionContext): void {
  for (const [key, each] of openings) {
    if (!passOpenings(each, nowMs)) openings.delete(key)
    if (!each.flapping) continue
    const words = `${each.type.replaceAll('_', ' ')} opened ${each.times.length} times within ${windowMinutes} min`
    report({
      ...findingOf(process, each.track, each.times.length, words),
      severity: each.severity,
      rule: `${each.type} ${each.rule}`.trim(),
    })
  }
}

function judgeChanges(process: number, { changes }: Flapper, nowMs: number, { report }: DetectionContext): void {
  for (const [track, each] of changes) {
    passChanges(each, nowMs)
    if (!each.flapping) continue
    const words = `${each.times.length} changes within ${changesWindowMinutes} min`
    report({ ...findingOf(process, track, each.times.length, words), severity: Severity.WARNING, rule: 'state' })
  }
}

function findingOf(process: number, track: number, value: number, words: string): Omit<Finding, 'severity'> {
  const none = Number.NaN
  return { process, track, value, expectedLow: none, expectedHigh: none, centre: none, score: 0, words }
}
