import type { Bus } from '@driftline/platform/bus/bus'
import { createEmbeddedBus } from '@driftline/platform/bus/embedded-bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createRedisHotState } from '@driftline/platform/hot-state/redis-hot-state'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { topics } from '@driftline/proto'
import { defaultLimits } from '../limits.ts'
import { createIntake } from '../service.ts'
import { createTicker } from '../ticker.ts'

/** Where the records of a crash test go. */
export type CrashRigBus =
  | { readonly kind: 'embedded'; readonly dataDir: string }
  | { readonly kind: 'kafka'; readonly url: string; readonly topicPrefix: string }

export interface CrashRigArguments {
  readonly bus: CrashRigBus
  /** The process kills itself when so many batches are durable and before it acknowledges the last; 0 never. */
  readonly killAfter: number
  /** Name of the instance; `intake-crash` unless given. */
  readonly instance?: string
  /** With it the process ticks as well, under a lease that others on this Redis share. */
  readonly redisUrl?: string
}

export function openBus(where: CrashRigBus): Bus {
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  if (where.kind === 'embedded') return createEmbeddedBus({ dataDir: where.dataDir, topics }, deps)
  const { url, topicPrefix } = where
  return createKafkaBus({ brokers: [url], clientId: 'intake-crash', topics, topicPrefix }, deps)
}

/** The process that the crash test kills: an intake that any key may use, and its bus. Reports its port. */
async function run({ bus: where, killAfter, instance = 'intake-crash', redisUrl }: CrashRigArguments): Promise<void> {
  const bus = openBus(where)
  await bus.start()
  let durable = 0
  const publish: Bus['publish'] = async (records) => {
    await bus.publish(records)
    durable += records.filter(({ topic }) => topic === topics.samples.name).length
    if (killAfter > 0 && durable >= killAfter) process.kill(process.pid, 'SIGKILL')
  }
  const principal = { tenant: 'default', permissions: new Set(['ingest'] as const) }
  const access = { authenticate: async () => principal }
  const intake = createIntake(
    {
      bind: '127.0.0.1',
      grpcPort: 0,
      tls: null,
      instance,
      limits: defaultLimits,
      streamsMax: 10,
      window: 4,
    },
    {
      bus: { ...bus, publish },
      access,
      logger: createLogger('fatal'),
      metrics: createSelfMetrics(),
      clock: systemClock,
    },
  )
  await intake.start()
  if (redisUrl !== undefined) await startTicker(bus, instance, redisUrl)
  process.send?.({ port: intake.port() })
}

async function startTicker(bus: Bus, instance: string, redisUrl: string): Promise<void> {
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  const hotState = createRedisHotState({ url: redisUrl }, deps)
  await hotState.start()
  await createTicker({ instance, intervalMs: 200, leaseMs: 1500 }, { ...deps, bus, hotState }).start()
}

const args = process.argv[2]
if (args !== undefined && process.send !== undefined) await run(JSON.parse(args) as CrashRigArguments)
