import type { SelfMetrics } from '@driftline/platform/metrics'

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30]

/** What the push doors count of themselves. */
export function createPushMetrics(metrics: SelfMetrics) {
  const letters = metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', ['service', 'reason'])
  const suppressed = metrics.counter(
    'driftline_dead_letters_suppressed_total',
    'Refused inputs that were counted and not recorded, because their source sent too many',
    ['service'],
  )
  return {
    requests: metrics.counter('driftline_push_requests_total', 'Requests of the push doors, by what was answered', [
      'door',
      'answer',
    ]),
    samples: metrics.counter('driftline_push_samples_total', 'Pushed samples that are durable', ['door']),
    rows: metrics.counter('driftline_push_rows_total', 'Pushed rows of logs that are durable', ['door']),
    bytes: metrics.counter('driftline_push_received_bytes_total', 'Bytes of bodies, as they came', ['door']),
    skipped: metrics.counter('driftline_push_skipped_total', 'What was left out on purpose', ['door', 'reason']),
    refused: metrics.counter('driftline_push_refused_total', 'Items and bodies that were refused', ['door', 'reason']),
    publishFailures: metrics.counter('driftline_push_publish_failures_total', 'Publishes that the bus did not confirm'),
    publishSeconds: metrics.histogram('driftline_push_publish_seconds', 'From publish to durable', SECONDS),
    /** What was refused beyond the letters that a request may write. */
    beyondLetters(reason: string, count: number): void {
      letters.inc({ service: 'intake', reason }, count)
      suppressed.inc({ service: 'intake' }, count)
    },
  }
}

export type PushMetrics = ReturnType<typeof createPushMetrics>
