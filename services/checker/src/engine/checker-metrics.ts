import type { SelfMetrics } from '@driftline/platform/metrics'
import { RunStatus } from '@driftline/proto'
import type { EndedRun, EndedStep } from './run.ts'

/** What the checker counts of itself. */
export interface CheckerMetrics {
  runEnded(run: EndedRun): void
  stepEnded(step: EndedStep): void
  running(runs: number): void
  /** A run that was due by a schedule and was left out. */
  skipped(reason: 'still_running' | 'missed' | 'queue_full'): void
}

export const statusWord = (status: RunStatus): string => RunStatus[status]!.toLowerCase()

export function createCheckerMetrics(metrics: SelfMetrics): CheckerMetrics {
  const runs = metrics.counter('driftline_runs_total', 'Runs of flows that ended', ['status'])
  const steps = metrics.counter('driftline_steps_total', 'Steps that ended', ['type', 'status'])
  const overhead = metrics.histogram(
    'driftline_step_overhead_seconds',
    'What a step takes beyond the time of its checks and of the waits between them',
    [0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1],
  )
  const inFlight = metrics.gauge('driftline_runs_in_flight', 'Runs under way')
  const skips = metrics.counter('driftline_schedules_skipped_total', 'Runs that were due and left out', ['reason'])
  return {
    runEnded: ({ status }) => runs.inc({ status: statusWord(status) }),
    stepEnded({ checkType, status, overhead: seconds }) {
      steps.inc({ type: checkType, status: statusWord(status) })
      overhead.observe(seconds)
    },
    running: (many) => inFlight.set(many),
    skipped: (reason) => skips.inc({ reason }),
  }
}
