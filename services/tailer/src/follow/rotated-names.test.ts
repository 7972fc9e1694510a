import { expect, test } from 'vitest'
import { derivesFrom, isRotatedNameOf } from './rotated-names.ts'

test.each([
  ['app.log.1', 'app.log', true],
  ['app.log.1.gz', 'app.log', true],
  ['app.log.gz', 'app.log', true],
  ['app.log-20260131', 'app.log', true],
  ['app.log-20260131.gz', 'app.log', true],
  ['app-2026-01-31.log', 'app.log', true],
  ['app-2026-01-31T10:00:00Z.log.gz', 'app.log', true],
  ['app.1.log', 'app.log', true],
  ['app.log.old', 'app.log', true],
  ['app.log~', 'app.log', true],
  ['app.log.2.1', 'app.log', true],
  ['syslog.1', 'syslog', true],
  ['app.log', 'app.log', false],
  ['app-worker.log', 'app.log', false],
  ['app2.log', 'app.log', false],
  ['app.log.', 'app.log', false],
  ['other.log.1', 'app.log', false],
  ['app.logger', 'app.log', false],
  ['app.log.2', 'app.log.1', true],
  ['app.log', 'app.log.1', false],
  ['syslog', 'syslog.1', false],
  ['web-1.log', 'web-2.log', true],
])('%s of %s: %s', (name, original, expected) => {
  expect(isRotatedNameOf(name, original)).toBe(expected)
})

test('a name made to be hard is judged in time', () => {
  expect(isRotatedNameOf(`app.log${'.1-old'.repeat(40)}!`, 'app.log')).toBe(false)
})

test.each([
  ['app.log.1', 'app.log', true],
  ['app.log.2.gz', 'app.log', true],
  ['app-20260131.log', 'app.log', true],
  ['web-2.log', 'web-1.log', false],
  ['web-1.log.1', 'web-1.log', true],
  ['app.log', 'app.log.1', false],
  ['app.log', 'app.log', false],
])('%s made of %s: %s', (name, original, expected) => {
  expect(derivesFrom(name, original)).toBe(expected)
})
