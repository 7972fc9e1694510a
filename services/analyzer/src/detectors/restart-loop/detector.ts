import { Severity } from '@driftline/proto'
import type { DetectionConfig, Detector, ProcessLife } from '../../detection/detector.ts'
import { createPerUnit, type PerUnit, type PerUnitState } from '../per-unit.ts'

const WINDOW_MS = 600_000
const RESTARTS_MIN = 3
const RESTARTS_CRITICAL = 6
/** Restarts that are remembered; more within the window are not told apart. */
const KEPT = 32
/** A group that has not been restarted for so long has found its feet. */
const OVER_AFTER_MS = 180_000

/** Event times of the restarts of a group of processes, the last `KEPT` within the window. */
interface Group {
  times: number[]
}

interface State extends Record<string, unknown> {
  readonly version: 2
  readonly groups: PerUnitState<Group>
}

/** A group of processes that ran for long and is now restarted again and again, by the same parent each time. */
export function createRestartLoop(_config: DetectionConfig): Detector {
  let groups: PerUnit<Group> = createPerUnit()
  return {
    type: 'restart_loop',
    openAfterMs: 0,
    closeAfterMs: 10_000,
    onBucket(bucket) {
      for (const life of bucket.lives) noteLife(groups, bucket.unit, life, bucket.endMs)
    },
    onTime(unit, nowMs, { report }) {
      for (const [process, group] of groups.of(unit) ?? []) {
        group.times = group.times.filter((time) => time > nowMs - WINDOW_MS)
        const restarts = group.times.length
        if (restarts === 0) groups.delete(process)
        if (restarts < RESTARTS_MIN || nowMs - group.times[restarts - 1]! > OVER_AFTER_MS) continue
        report({
          process,
          track: -1,
          severity: restarts >= RESTARTS_CRITICAL ? Severity.CRITICAL : Severity.WARNING,
          value: restarts,
          expectedLow: Number.NaN,
          expectedHigh: RESTARTS_MIN - 1,
          centre: Number.NaN,
          score: 0,
          words: `${restarts >= KEPT ? `at least ${KEPT}` : restarts} restarts within 10 min`,
        })
      }
    },
    forgetProcess: (process) => groups.delete(process),
    state: (): State => ({ version: 2, groups: groups.state() }),
    restore(stored) {
      if (stored['version'] !== 2) throw new TypeError('restart_loop: the stored state is of another version')
      groups = createPerUnit((stored as State).groups)
    },
  }
}

function noteLife(groups: PerUnit<Group>, unit: number, life: ProcessLife, endMs: number): void {
  if (life.restarts === 0) return
  const before = groups.get(life.process)?.times ?? []
  const times = [...before, ...new Array<number>(Math.min(KEPT, life.restarts)).fill(endMs)].slice(-KEPT)
  groups.set(unit, life.process, { times })
}
