import type { AnalyticsStore } from './analytics/analytics-store.ts'
import type { Bus } from './bus/bus.ts'
import type { HotState } from './hot-state/hot-state.ts'
import type { Metadata } from './metadata/metadata.ts'
import type { HealthCheck } from './ops-server.ts'

/** Those to ask; one that is left out has no check. */
export interface CheckedEngines {
  readonly bus?: { readonly bus: Pick<Bus, 'read'>; readonly topic: string }
  readonly analytics?: Pick<AnalyticsStore, 'ping'>
  readonly metadata?: Pick<Metadata, 'ping'>
  readonly hotState?: Pick<HotState, 'get'>
}

/** A check that has no answer by then has failed. */
const CHECK_MS_MAX = 3000

/** Whether the engines of a service answer. The questions cost nothing and still need an engine that lives. */
export function createEngineChecks({ bus, analytics, metadata, hotState }: CheckedEngines): HealthCheck[] {
  const checks: HealthCheck[] = []
  const add = (name: string, reason: string, answers: () => Promise<boolean>): void => {
    checks.push({ name, check: () => judged(answers, reason) })
  }
  // An empty range, and a key that nobody sets.
  if (bus) add('bus', 'the bus does not answer', async () => (await bus.bus.read(bus.topic, 0, 0, 0)).length === 0)
  if (analytics) add('analytics store', 'ClickHouse does not answer', () => analytics.ping())
  if (metadata) add('metadata', 'the metadata database does not answer', () => metadata.ping())
  if (hotState) {
    add('hot state', 'the hot state does not answer', async () => (await hotState.get('readiness')) === null)
  }
  return checks
}

type Judgement = Awaited<ReturnType<HealthCheck['check']>>

async function judged(answers: () => Promise<boolean>, reason: string): Promise<Judgement> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Judgement>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: `${reason} within ${CHECK_MS_MAX} ms` }), CHECK_MS_MAX)
  })
  try {
    const asked = answers().then((there): Judgement => (there ? { ok: true } : { ok: false, reason }))
    return await Promise.race([asked, deadline])
  } catch (error) {
    return { ok: false, reason: `${reason}: ${(error as Error).message}` }
  } finally {
    clearTimeout(timer)
  }
}
