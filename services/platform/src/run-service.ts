import { z } from 'zod'
import type { BusTopics } from './bus/bus-topic.ts'
import { type Clock, systemClock } from './clock.ts'
import { createEngineChecks } from './engine-checks.ts'
import { createEngines, type EngineName, type Engines, readEnginesConfig, requireShared } from './engines.ts'
import { AppError } from './errors.ts'
import { type Component, runProcess } from './lifecycle.ts'
import { createLogger, type Logger, logLevels } from './logger.ts'
import { createSelfMetrics, type SelfMetrics } from './metrics.ts'
import { createOpsServer, type HealthCheck } from './ops-server.ts'
import { readSettings, readSettingsSource, readTogether, type SettingsSource, setting } from './settings.ts'
import { port } from './units.ts'

export const serviceSettings = {
  bind: setting('bind', z.string().min(1), '127.0.0.1', 'Address to listen on'),
  opsPort: setting(
    'ops_port',
    port.nullable(),
    null,
    'Port for /livez, /readyz and /metrics of a service; none without',
  ),
  logLevel: setting('log_level', z.enum(logLevels), 'info', 'Least level that is logged'),
}

/** What a service gets to build itself from. */
export interface ServiceKit {
  readonly engines: Engines
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

/** A service as an operating-system process of its own. */
export interface StandaloneService<Config> {
  readonly name: string
  readonly topics: BusTopics
  /** Engines it uses, in the order in which they start; all are shared with other processes. */
  readonly engines: readonly EngineName[]
  /** Directory with the migrations of the analytics store, for the service that runs them. */
  readonly migrationsDir?: string
  readConfig(source: SettingsSource): Config
  components(config: Config, kit: ServiceKit): readonly Component[]
}

const STOP_DEADLINE_MS = 9000

/**
 * Reads all settings, says all problems at once, and runs the service until it is told to stop. With `--check-config`
 * it says whether the settings make sense and exits.
 */
export async function runService<Config>(
  service: StandaloneService<Config>,
  args: readonly string[],
  env: SettingsSource['env'],
): Promise<void> {
  const config = configOrExit(() => readServiceConfig(service, env))
  if (args.includes('--check-config')) {
    process.stdout.write('The settings are valid.\n')
    return
  }
  const logger = createLogger(config.common.logLevel).child({ service: service.name })
  const metrics = createSelfMetrics()
  const clock = systemClock
  const deps = { logger, metrics, clock, topics: service.topics }
  const engines = createEngines(config.engines, `driftline-${service.name}`, deps)
  const { bind, opsPort } = config.common
  const ops =
    opsPort === null
      ? []
      : [createOpsServer({ bind, port: opsPort }, { metrics, checks: engineChecks(engines, service) })]
  const own = service.components(config.own, { engines, logger, metrics, clock })
  await runProcess([...ops, ...engines.components(...service.engines), ...own], {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    onReady: () => logger.info('ready'),
  })
}

/** Runs `read`; problems with the settings are printed for people, one a line, and end the process with status 1. */
export function configOrExit<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'config_invalid')) throw error
    process.stderr.write(`The settings do not make sense:\n${error.message.replace(/^/gm, '  ')}\n`)
    process.exit(1)
  }
}

/** Asks the engines that a service uses, and no others. */
function engineChecks(
  { bus, analytics, metadata, hotState }: Engines,
  { engines, topics }: Pick<StandaloneService<unknown>, 'engines' | 'topics'>,
): HealthCheck[] {
  const [topic] = Object.values(topics)
  return createEngineChecks({
    ...(engines.includes('bus') && topic ? { bus: { bus, topic: topic.name } } : {}),
    ...(engines.includes('analytics') ? { analytics } : {}),
    ...(engines.includes('metadata') ? { metadata } : {}),
    ...(engines.includes('hotState') ? { hotState } : {}),
  })
}

function readServiceConfig<Config>(service: StandaloneService<Config>, env: SettingsSource['env']) {
  const source = readSettingsSource(env)
  return readTogether({
    common: () => readSettings(source, serviceSettings),
    engines: () => {
      const engines = readEnginesConfig(source, { migrationsDir: service.migrationsDir ?? null })
      requireShared(engines, service.name, service.engines)
      return engines
    },
    own: () => service.readConfig(source),
  })
}
