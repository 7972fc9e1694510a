import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { expect, test } from 'vitest'
import { readAllInOneConfig } from './config.ts'
import { createAllInOne } from './service.ts'

function namesOf(yaml: unknown): string[] {
  const config = readAllInOneConfig({ env: {}, yaml, file: null }, { migrationsDir: '' })
  const deps = { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock }
  return createAllInOne(config, deps).components.map(({ name }) => name)
}

test('consumers start before producers, and everything after its engines', () => {
  const names = namesOf({})
  const order = [
    'data directory',
    'bus',
    'writer',
    'alerter',
    'analyzer',
    'gateway',
    'intake',
    'ticker',
    'mqtt',
    'checker',
    'agent',
  ]
  expect(names.filter((name) => order.includes(name))).toEqual(order)
})

test('this machine is not watched when the settings say so', () => {
  expect(namesOf({ process_monitor: { real_time_monitoring: { enabled: false } } })).not.toContain('agent')
})
