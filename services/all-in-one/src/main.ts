import { fileURLToPath } from 'node:url'
import { systemClock } from '@driftline/platform/clock'
import { runProcess } from '@driftline/platform/lifecycle'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { configOrExit } from '@driftline/platform/run-service'
import { readSettingsSource } from '@driftline/platform/settings'
import { readAllInOneConfig } from './config.ts'
import { createParentWatch } from './parent-watch.ts'
import { createAllInOne } from './service.ts'
import { welcome } from './welcome.ts'

const STOP_DEADLINE_MS = 9000
const migrationsDir = fileURLToPath(new URL('../../../infra/clickhouse', import.meta.url))

const config = configOrExit(() => readAllInOneConfig(readSettingsSource(process.env), { migrationsDir }))
if (process.argv.includes('--check-config')) {
  process.stdout.write('The settings are valid.\n')
  process.exit(0)
}
const startedAtMs = Date.now() - process.uptime() * 1000
const logger = createLogger(config.common.logLevel)
const allInOne = createAllInOne(config, { logger, metrics: createSelfMetrics(), clock: systemClock })
const watch = config.common.stopWithParent ? [createParentWatch()] : []
await runProcess([...watch, ...allInOne.components], {
  logger,
  stopDeadlineMs: STOP_DEADLINE_MS,
  onReady: () => process.stdout.write(welcome(allInOne.address(), allInOne.firstAdmin(), Date.now() - startedAtMs)),
})
