import type { SelfMetrics } from '../metrics.ts'
import type { RecordBatch } from './bus.ts'

const COMMIT_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** What a bus counts of itself; the same names on every implementation. */
export function createBusMetrics(metrics: SelfMetrics) {
  const records = metrics.counter('driftline_bus_published_records_total', 'Records stored.', ['topic'])
  const bytes = metrics.counter('driftline_bus_published_bytes_total', 'Bytes of records stored.', ['topic'])
  const commits = metrics.histogram(
    'driftline_bus_commit_seconds',
    'Time to store records durably.',
    COMMIT_SECONDS,
    [],
  )
  const lag = metrics.gauge('driftline_bus_lag_records', 'Records stored after the last one handled.', [
    'group',
    'topic',
    'partition',
  ])
  const disk = metrics.gauge('driftline_bus_disk_bytes', 'Size of a topic on disk.', ['topic'])
  const blocked = metrics.gauge(
    'driftline_bus_retention_blocked_bytes',
    'Bytes that are kept beyond retention because a group has not read them.',
    ['topic'],
  )
  return {
    published(topic: string, count: number, size: number, durationMs: number): void {
      records.inc({ topic }, count)
      bytes.inc({ topic }, size)
      commits.observe(durationMs / 1000)
    },
    handled(group: string, { topic, partition, records: handled, endOffset }: RecordBatch): void {
      const last = handled.at(-1)
      if (last !== undefined) lag.set({ group, topic, partition }, Math.max(0, endOffset - 1 - last.offset))
    },
    swept(topic: string, size: number, blockedSize: number): void {
      disk.set({ topic }, size)
      blocked.set({ topic }, blockedSize)
    },
    handlerFailures: metrics.counter('driftline_bus_handler_failures_total', 'Handlers that failed and were retried.', [
      'group',
    ]),
    retentionRefused: metrics.counter(
      'driftline_bus_retention_refused_total',
      'Deletions and publishes refused because a group has not read old records.',
      ['topic'],
    ),
    damaged: metrics.counter('driftline_bus_damaged_total', 'Damaged places found in the log.', ['topic']),
  }
}
