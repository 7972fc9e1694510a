import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/**
 * The metrics that a process keeps of itself, in Prometheus' text format. One per process, passed to what counts.
 * Names start with `driftline_`; labels come from closed lists, never from user text.
 */
export interface SelfMetrics {
  readonly registry: Registry
  counter(name: string, help: string, labels?: readonly string[]): Counter
  gauge(name: string, help: string, labels?: readonly string[]): Gauge
  /** `buckets` in the unit that ends the name. */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram
}

/** Asking twice for one name answers the same metric. */
export function createSelfMetrics(): SelfMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'driftline_' })
  const once = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make()
  const registers = [registry]
  return {
    registry,
    counter: (name, help, labels = []) =>
      once(name, () => new Counter({ name, help, labelNames: [...labels], registers })),
    gauge: (name, help, labels = []) => once(name, () => new Gauge({ name, help, labelNames: [...labels], registers })),
    histogram: (name, help, buckets, labels = []) =>
      once(name, () => new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers })),
  }
}
