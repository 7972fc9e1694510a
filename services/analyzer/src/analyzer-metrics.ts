import type { SelfMetrics } from '@driftline/platform/metrics'
import type { Outcome } from './step.ts'

const SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5, 10, 60]

/** What the analyzer counts of itself. */
export function createAnalyzerMetrics(metrics: SelfMetrics) {
  const lateSamples = metrics.counter(
    'driftline_analyzer_late_samples_total',
    'Samples that came after their bucket had closed: stored, and in no KPI',
  )
  const lateFrames = metrics.counter('driftline_analyzer_late_frames_total', 'Process tables that came as late')
  const dropped = metrics.counter('driftline_analyzer_dropped_total', 'What found no room, by the bound that it met', [
    'bound',
  ])
  const forgotten = metrics.counter(
    'driftline_analyzer_forgotten_series_total',
    'Series that had no sample for an hour, forgotten to make room',
  )
  const buckets = metrics.counter('driftline_analyzer_buckets_total', 'Buckets closed with data')
  return {
    records: metrics.counter('driftline_analyzer_records_total', 'Records read, by what became of them', ['verdict']),
    deadLetters: metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', ['service', 'reason']),
    gaps: metrics.counter('driftline_analyzer_gaps_total', 'Times that input was gone before it was read'),
    checkpointBytes: metrics.gauge('driftline_analyzer_checkpoint_bytes', 'Size of the last checkpoint', ['partition']),
    checkpointFailures: metrics.counter('driftline_analyzer_checkpoint_failures_total', 'Checkpoints not stored'),
    checkpointsSetAside: metrics.counter(
      'driftline_analyzer_checkpoints_set_aside_total',
      'Checkpoints that were damaged or of another version',
      ['reason'],
    ),
    closeSeconds: metrics.histogram(
      'driftline_analyzer_close_seconds',
      'From the end of a bucket, by its host, to the publishing of its KPIs, by this machine',
      SECONDS,
    ),
    count(outcome: Outcome): void {
      buckets.inc(outcome.closed.length)
      lateSamples.inc(outcome.lateSamples)
      lateFrames.inc(outcome.lateFrames)
      forgotten.inc(outcome.forgottenSeries)
      for (const [bound, count] of Object.entries(outcome.dropped)) if (count > 0) dropped.inc({ bound }, count)
    },
  }
}

export type AnalyzerMetrics = ReturnType<typeof createAnalyzerMetrics>
