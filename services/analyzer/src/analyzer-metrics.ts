import type { SelfMetrics } from '@driftline/platform/metrics'
import { AnomalyPhase, Severity } from '@driftline/proto'
import type { EngineCounts } from './detection/engine.ts'
import type { DetectionOutput } from './detection/engine-core.ts'
import type { Outcome } from './step.ts'

const SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3, 5, 10, 60]

const STEP_SECONDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]

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
  const warmUps = metrics.counter(
    'driftline_analyzer_warm_ups_total',
    'Hosts seen for the first time, by what was learnt from the store',
    ['outcome'],
  )
  const detection = createDetectionMetrics(metrics, (bound, count) => dropped.inc({ bound }, count))
  return {
    stepSeconds: metrics.histogram(
      'driftline_analyzer_bucket_seconds',
      'Time that closing a bucket took: KPIs, baselines and all detectors',
      STEP_SECONDS,
    ),
    setCounts: detection.setCounts,
    countWarmUp: (outcome: string) => warmUps.inc({ outcome }),
    failedTrainings: metrics.counter('driftline_analyzer_failed_trainings_total', 'Models that could not be trained'),
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
      detection.count(outcome.detection)
    },
  }
}

function createDetectionMetrics(metrics: SelfMetrics, drop: (bound: string, count: number) => void) {
  const anomalies = metrics.counter(
    'driftline_anomalies_total',
    'Anomalies opened, by type and the severity that they opened with',
    ['type', 'severity'],
  )
  const failures = metrics.counter('driftline_detector_failures_total', 'Exceptions in detectors', ['detector'])
  const changes = metrics.counter('driftline_detection_settings_changes_total', 'Changes to settings that were read')
  const tracks = metrics.gauge('driftline_analyzer_tracks', 'Lines of numbers that detectors watch', ['partition'])
  const learning = metrics.gauge(
    'driftline_analyzer_learning_tracks',
    'Those whose baseline has too little data for detectors that compare with it',
    ['partition'],
  )
  const open = metrics.gauge('driftline_anomalies_open', 'Excursions that last', ['partition', 'type'])
  return {
    count(output: DetectionOutput): void {
      for (const { type, severity, phase } of output.anomalies) {
        if (phase === AnomalyPhase.OPENED) anomalies.inc({ type, severity: Severity[severity].toLowerCase() })
      }
      for (const { detector } of output.failures) failures.inc({ detector })
      changes.inc(output.settingsChanges)
      for (const [bound, count] of Object.entries(output.dropped)) if (count > 0) drop(bound, count)
    },
    setCounts(partition: number, counts: EngineCounts): void {
      const label = { partition: String(partition) }
      tracks.set(label, counts.tracks)
      learning.set(label, counts.learningTracks)
      for (const [type, count] of counts.openExcursions) open.set({ ...label, type }, count)
    },
  }
}

export type AnalyzerMetrics = ReturnType<typeof createAnalyzerMetrics>
