import { type Collector, createCollector } from '@driftline/ingest/collector'
import { createIngestPublisher } from '@driftline/ingest/publisher'
import { createSeriesBook } from '@driftline/ingest/series-book'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import { type Metric, MetricKind, processMetrics, RunStatus } from '@driftline/proto'
import type { EndedRun, EndedStep } from './run.ts'

/** What makes the KPIs of flows. */
export interface RunKpis extends Component {
  stepEnded(step: EndedStep): void
  runEnded(run: EndedRun): void
}

export interface RunKpisConfig {
  /** Names this instance in the headers. */
  readonly source: string
}

const stepDuration: Metric = {
  name: 'flow.step.duration',
  unit: 's',
  kind: MetricKind.GAUGE,
  about: 'How long a step of a flow took, by `step` (its number) and `key`',
}

const FLUSH_MS = 200
const SERIES = { perTenantMax: 200_000, perSourceMax: 200_000 }
const AGE_MS_MAX = 48 * 3_600_000
const AHEAD_MS_MAX = 600_000
/** While the bus is away so many samples wait; further ones are let go. */
const WAITING_MAX = 100_000

/** Those that somebody or something ended say nothing of how the flow is doing. */
const ofItself: readonly RunStatus[] = [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.TIMEOUT]

export function createRunKpis(
  { source }: RunKpisConfig,
  deps: { readonly bus: Bus; readonly clock: Clock; readonly logger: Logger },
): RunKpis {
  const { clock, logger } = deps
  const book = createSeriesBook(SERIES, deps)
  const publisher = createIngestPublisher({ source: `${source}/kpis`, epoch: clock.nowMs() }, { ...deps, book })
  const collectors = new Map<string, Collector>()
  let timer: NodeJS.Timeout | undefined
  let flushing: Promise<void> | null = null
  let failing = false

  const collectorOf = (tenant: string): Collector => {
    const known = collectors.get(tenant)
    if (known !== undefined) return known
    const config = { tenant, source, ageMsMax: AGE_MS_MAX, aheadMsMax: AHEAD_MS_MAX }
    const made = createCollector(config, { book, clock })
    collectors.set(tenant, made)
    return made
  }
  const sample = (
    { tenant, process, endMs }: { readonly tenant: string; readonly process: string; readonly endMs: number },
    { name: metric, unit, kind }: Metric,
    value: number,
    attributes: Readonly<Record<string, string>> = {},
  ): void => {
    const collector = collectorOf(tenant)
    if (collector.sampleCount >= WAITING_MAX) return
    const handle = book.define({ tenant, source, process, metric, unit, kind, attributes })
    if (handle >= 0) collector.sample(handle, endMs, value)
  }
  const flush = async (): Promise<void> => {
    for (const collector of collectors.values()) {
      const batch = collector.take()
      // A batch that could not be published is tried again until it is: nothing else is taken meanwhile.
      for (let tries = 0; batch !== null; tries++) {
        try {
          await publisher.publish(batch)
          failing = false
          break
        } catch (error) {
          if (!failing) logger.warn({ component: 'run-kpis', error }, 'measurements of runs cannot be published now')
          failing = true
          if (timer === undefined && tries > 0) return
          await new Promise((resolve) => setTimeout(resolve, 500))
        }
      }
    }
    book.sweep()
  }
  const begin = (): Promise<void> => {
    flushing ??= flush().finally(() => {
      flushing = null
    })
    return flushing
  }
  return {
    name: 'run-kpis',
    stepEnded(step) {
      if (!ofItself.includes(step.status)) return
      sample(step, stepDuration, step.executionTime, { step: String(step.number), key: step.key })
    },
    runEnded(run) {
      if (!ofItself.includes(run.status)) return
      sample(run, processMetrics.executionTime, run.executionTime)
      sample(run, processMetrics.events, 1)
      sample(run, processMetrics.failedEvents, run.status === RunStatus.SUCCESS ? 0 : 1)
    },
    async start() {
      timer = setInterval(() => void begin(), FLUSH_MS)
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await begin()
      await begin()
    },
  }
}
