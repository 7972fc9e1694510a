import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { HealthCheck } from '@driftline/platform/ops-server'
import { topics } from '@driftline/proto'

const CHECK_MS_MAX = 3000

/** What the gateway cannot work without. */
export function createHealthChecks(deps: { bus: Bus; store: AnalyticsStore; metadata: Metadata }): HealthCheck[] {
  return [
    { name: 'bus', check: () => judged(askBus(deps.bus), 'the bus does not answer') },
    { name: 'analytics store', check: () => judged(deps.store.ping(), 'ClickHouse does not answer') },
    { name: 'metadata', check: () => judged(deps.metadata.ping(), 'the metadata database does not answer') },
  ]
}

/** An empty range costs nothing and still needs a bus that lives. */
async function askBus(bus: Bus): Promise<boolean> {
  await bus.read(topics.ticks.name, 0, 0, 0)
  return true
}

type Judgement = Awaited<ReturnType<HealthCheck['check']>>

async function judged(answer: Promise<boolean>, reason: string): Promise<Judgement> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Judgement>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: `${reason} within ${CHECK_MS_MAX} ms` }), CHECK_MS_MAX)
  })
  try {
    const asked = answer.then((there): Judgement => (there ? { ok: true } : { ok: false, reason }))
    return await Promise.race([asked, deadline])
  } catch (error) {
    return { ok: false, reason: `${reason}: ${(error as Error).message}` }
  } finally {
    clearTimeout(timer)
  }
}
