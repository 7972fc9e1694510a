import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type Component, startAll } from './lifecycle.ts'

const silent = pino({ level: 'silent' })

function recorder(): { log: string[]; component: (name: string, fails?: 'start' | 'stop') => Component } {
  const log: string[] = []
  return {
    log,
    component: (name, fails) => ({
      name,
      async start() {
        log.push(`start ${name}`)
        if (fails === 'start') throw new Error(`${name} cannot start`)
      },
      async stop() {
        log.push(`stop ${name}`)
        if (fails === 'stop') throw new Error(`${name} cannot stop`)
      },
    }),
  }
}

test('starts in order and stops in reverse', async () => {
  const { log, component } = recorder()
  const stop = await startAll([component('a'), component('b')], silent)
  expect(await stop()).toBe(true)
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})

test('a failed start stops what had started, itself included, and is reported', async () => {
  const { log, component } = recorder()
  await expect(startAll([component('a'), component('b', 'start'), component('c')], silent)).rejects.toThrow('b cannot')
  expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a'])
})

test('a failed stop does not keep the others from stopping', async () => {
  const { log, component } = recorder()
  const stop = await startAll([component('a'), component('b', 'stop')], silent)
  expect(await stop()).toBe(false)
  expect(log).toContain('stop a')
})

test('stopping twice stops once', async () => {
  const { log, component } = recorder()
  const stop = await startAll([component('a')], silent)
  await stop()
  await stop()
  expect(log).toEqual(['start a', 'stop a'])
})
