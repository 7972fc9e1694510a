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

/** A group of processes that was restarted, or may be. */
interface Group {
  /** Event times of its restarts, the last `KEPT` within the window. */
  times: number[]
  /** When it failed with nothing left; NaN while it has an instance. */
  failedAtMs: number
}

interface State extends Record<string, unknown> {
  readonly version: 1
  readonly groups: PerUnitState<Group>
}

/** A group of processes that ran for long and is now restarted again and again. */
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
        const isWaiting = group.failedAtMs > nowMs - WINDOW_MS
        if (restarts === 0 && !isWaiting) groups.delete(process)
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
    state: (): State => ({ version: 1, groups: groups.state() }),
    restore(stored) {
      if (stored['version'] !== 1) throw new TypeError('restart_loop: the stored state is of another version')
      groups = createPerUnit((stored as State).groups)
    },
  }
}

/**
 * A restart is an unexpected end of all instances and a start after it. Of programs that never ran for long nothing is
 * noted; what has begun to restart stays watched although its runs are short now.
 */
function noteLife(groups: PerUnit<Group>, unit: number, life: ProcessLife, endMs: number): void {
  const known = groups.get(life.process)
  if (known === undefined && !life.longRunning) return
  const failed = life.unexpectedEnds > 0
  const isRenewed = life.starts > 0 && life.alive > 0 && life.alive <= life.starts
  if (failed && isRenewed) noteRestart(groups, unit, life.process, endMs)
  else if (failed && life.alive === 0) {
    groups.set(unit, life.process, { times: known?.times ?? [], failedAtMs: endMs })
  } else if (isRenewed && known !== undefined && known.failedAtMs > endMs - WINDOW_MS) {
    noteRestart(groups, unit, life.process, endMs)
  }
}

function noteRestart(groups: PerUnit<Group>, unit: number, process: number, endMs: number): void {
  const times = [...(groups.get(process)?.times ?? []), endMs].slice(-KEPT)
  groups.set(unit, process, { times, failedAtMs: Number.NaN })
}
