import type { SelfMetrics } from '@driftline/platform/metrics'

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export type AlerterMetrics = ReturnType<typeof createAlerterMetrics>

/** What the alerter counts of itself. Channels are those of the configuration. */
export function createAlerterMetrics(metrics: SelfMetrics) {
  return {
    records: metrics.counter('driftline_alerter_records_total', 'Anomaly records read, by what became of them', [
      'verdict',
    ]),
    deadLetters: metrics.counter('driftline_dead_letters_total', 'Inputs that were refused', ['service', 'reason']),
    events: metrics.counter('driftline_alerter_events_total', 'What happened to alerts', ['event']),
    episodes: metrics.gauge('driftline_alerter_episodes', 'Alerts that are not resolved', ['status']),
    deliveries: metrics.counter(
      'driftline_alerter_deliveries_total',
      'Attempts by their result: delivered, retried, failed for good',
      ['channel', 'result'],
    ),
    outboxDepth: metrics.gauge('driftline_alerter_outbox_deliveries', 'Deliveries that are not done', ['channel']),
    outboxAge: metrics.gauge('driftline_alerter_outbox_oldest_seconds', 'Age of the oldest of them', ['channel']),
    breaker: metrics.gauge('driftline_alerter_breaker_state', 'Closed 0, half open 1, open 2', ['channel']),
    firstByte: metrics.histogram(
      'driftline_alerter_first_byte_seconds',
      'From the anomaly stored on the bus to the first byte to a receiver, first attempts only',
      SECONDS,
      ['channel'],
    ),
  }
}
