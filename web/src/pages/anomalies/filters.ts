import type { Anomaly } from '../../api/types.ts'

export const severities = ['critical', 'warning', 'info'] as const
export const states = ['open', 'closed'] as const
export const verdicts = ['none', 'real', 'noise', 'expected'] as const
/** What the product looks for; a list may hold more than these. */
export const knownTypes: readonly string[] = [
  'performance_degradation',
  'error_spike',
  'resource_exhaustion',
  'isolation_forest',
  'streaming',
  'threshold',
  'expression',
  'missing_data',
  'flapping',
  'process_death',
  'restart_loop',
  'run_failed',
  'step_slow',
  'run_slow',
]
/** How far back the list looks; the default is everything that is kept. */
export const spans = ['1h', '24h', '7d'] as const

export interface AnomalyFilters {
  readonly severity: string | null
  readonly type: string | null
  readonly state: string | null
  readonly verdict: string | null
  readonly q: string
  readonly since: string | null
}

const one = (known: readonly string[], value: unknown): string | null => known.find((name) => name === value) ?? null

/** What stands in the address; anything else is as if it were not there. */
export function filtersOf(query: Readonly<Record<string, unknown>>): AnomalyFilters {
  return {
    severity: one(severities, query['severity']),
    type: typeof query['type'] === 'string' && /^[a-z_]{1,100}$/.test(query['type']) ? query['type'] : null,
    state: one(states, query['state']),
    verdict: one(verdicts, query['verdict']),
    q: typeof query['q'] === 'string' ? query['q'].slice(0, 200) : '',
    since: one(spans, query['since']),
  }
}

/** Whether an anomaly that came live belongs into the list. */
export function fitsFilters(
  anomaly: Anomaly,
  filters: AnomalyFilters,
  readable: string,
  fromMs: number | null,
): boolean {
  if (filters.severity && anomaly.severity !== filters.severity) return false
  if (filters.type && anomaly.type !== filters.type) return false
  if (filters.state && (anomaly.endedAt === null) !== (filters.state === 'open')) return false
  if (filters.verdict && (anomaly.verdict ?? 'none') !== filters.verdict) return false
  if (fromMs !== null && Date.parse(anomaly.timestamp) < fromMs) return false
  const text = `${anomaly.processId} ${readable} ${anomaly.description}`.toLowerCase()
  return filters.q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
