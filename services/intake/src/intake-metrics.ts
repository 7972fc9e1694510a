import type { SelfMetrics } from '@driftline/platform/metrics'

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30]

/** What the intake counts of itself. */
export function createIntakeMetrics(metrics: SelfMetrics) {
  return {
    batches: metrics.counter('driftline_intake_batches_total', 'Batches acknowledged to agents'),
    samples: metrics.counter('driftline_intake_samples_total', 'Samples acknowledged to agents'),
    droppedSamples: metrics.counter(
      'driftline_intake_dropped_samples_total',
      'Samples left out because the definition of their series was refused',
    ),
    bytes: metrics.counter('driftline_intake_received_bytes_total', 'Bytes of messages received from agents'),
    refused: metrics.counter('driftline_intake_refused_batches_total', 'Batches refused to agents', ['reason']),
    unauthenticated: metrics.counter(
      'driftline_intake_unauthenticated_total',
      'Streams refused for want of a valid key',
    ),
    violations: metrics.counter('driftline_intake_violations_total', 'Streams ended for breaking the protocol'),
    superseded: metrics.counter('driftline_intake_superseded_total', 'Streams ended by a newer one of the same source'),
    publishFailures: metrics.counter(
      'driftline_intake_publish_failures_total',
      'Publishes that the bus did not confirm',
    ),
    streams: metrics.gauge('driftline_intake_streams', 'Streams open now'),
    publishSeconds: metrics.histogram('driftline_intake_publish_seconds', 'From publish to durable', SECONDS),
    durableSeconds: metrics.histogram(
      'driftline_intake_durable_latency_seconds',
      'From the time of the reading on the agent to durable, by both clocks',
      SECONDS,
    ),
  }
}

export type IntakeMetrics = ReturnType<typeof createIntakeMetrics>
