import type { SelfMetrics } from '@driftline/platform/metrics'

export type WriterMetrics = ReturnType<typeof createWriterMetrics>

const INSERT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What the writer counts of itself. */
export function createWriterMetrics(metrics: SelfMetrics) {
  const byTopic = ['topic']
  return {
    records: metrics.counter('driftline_writer_records_total', 'Records whose rows are in the store.', byTopic),
    bytes: metrics.counter('driftline_writer_bytes_total', 'Bytes of bodies inserted.', byTopic),
    inserts: metrics.histogram('driftline_writer_insert_seconds', 'Time of an insert.', INSERT_SECONDS, byTopic),
    failures: metrics.counter('driftline_writer_failures_total', 'Inserts that failed and are tried again.', [
      'topic',
      'code',
    ]),
    repeats: metrics.counter('driftline_writer_repeats_dropped_total', 'Records dropped as repeats.', byTopic),
    forgottenSources: metrics.counter(
      'driftline_writer_forgotten_sources_total',
      'Sources forgotten for want of room: what they repeat from before would be stored twice.',
      byTopic,
    ),
    redone: metrics.counter(
      'driftline_writer_inserts_redone_total',
      'Inserts repeated after an interruption.',
      byTopic,
    ),
    deadLetters: metrics.counter('driftline_writer_dead_letters_total', 'Records refused.', ['topic', 'reason']),
    lostRanges: metrics.counter(
      'driftline_writer_lost_ranges_total',
      'Ranges that the bus no longer had when they were to be inserted.',
      byTopic,
    ),
    lagSeconds: metrics.gauge('driftline_writer_lag_seconds', 'Age of the newest record when its rows were in.', [
      'topic',
      'partition',
    ]),
    lagRecords: metrics.gauge('driftline_writer_lag_records', 'Records on the bus that are not in the store.', [
      'topic',
      'partition',
    ]),
  }
}
