import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCheckQueue } from '@driftline/checks/check-queue'
import { createFlowStore } from '@driftline/checks/flow-store'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createScheduler, type Scheduler } from './scheduler.ts'

const MINUTE = 60_000
const NOON = Date.parse('2026-03-10T12:00:00Z')

let rig: Awaited<ReturnType<typeof open>>
beforeEach(async () => {
  rig = await open()
})
afterEach(() => rig.close())

/** Instances of the scheduler on one database, with one clock that is set by hand. */
async function open() {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-scheduler-'))
  const logger = createLogger('fatal')
  const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, { logger, clock: systemClock })
  await metadata.start()
  let nowMs = NOON
  const clock = { nowMs: () => nowMs }
  const skipped: string[] = []
  const instance = (): Scheduler =>
    createScheduler({ metadata, clock, logger, metrics: { skipped: (reason) => skipped.push(reason) } })
  const queue = createCheckQueue({ metadata, clock })
  return {
    skipped,
    instance,
    set: (ms: number) => {
      nowMs = ms
    },
    flow: (schedules: readonly object[], more: object = {}) =>
      createFlowStore({ metadata, clock }).create(
        'default',
        {
          name: 'F',
          schedules,
          steps: [{ stepName: 'A', checkType: 'rest', checkConfiguration: { url: 'https://a.example' } }],
          ...more,
        },
        'user:1',
      ),
    /** Ends what waits and answers how many runs there were. */
    async ran(): Promise<number> {
      const checks = await queue.claim('w', 100, 5000)
      for (const { tenant, id, trigger } of checks) {
        expect(trigger).toBe('schedule')
        await queue.end(tenant, id, null, 'w')
      }
      return checks.length
    },
    async close() {
      await metadata.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Lets time pass, and every instance look each second; answers how many runs were made. */
async function pass(schedulers: readonly Scheduler[], fromMs: number, toMs: number): Promise<number> {
  let runs = 0
  for (let atMs = fromMs; atMs <= toMs; atMs += 1000) {
    rig.set(atMs)
    await Promise.all(schedulers.map((each) => each.look()))
    runs += await rig.ran()
  }
  return runs
}

const everyMinute = [{ cron: '* * * * *' }]

test('makes each due run once, however many instances there are', async () => {
  await rig.flow(everyMinute)
  const instances = [rig.instance(), rig.instance(), rig.instance()]
  expect(await pass(instances, NOON, NOON + 5 * MINUTE)).toBe(5)
  expect(rig.skipped).toEqual([])
})

test('keeps intervals and the time zone of a cron', async () => {
  await rig.flow([{ everySeconds: 10 }, { cron: '33 17 * * *', timeZone: 'Asia/Kolkata' }])
  const runs = await pass([rig.instance()], NOON, NOON + 5 * MINUTE)
  // 17:33 in Kolkata is 12:03 here; it may fall on a time of the interval.
  expect([30, 31]).toContain(runs)
})

test('leaves flows alone that are not active, and what was due before they were', async () => {
  await rig.flow(everyMinute, { active: false })
  expect(await pass([rig.instance()], NOON, NOON + 2 * MINUTE)).toBe(0)
})

test('a flow that is new is not made up for', async () => {
  rig.set(NOON + 10_000)
  await rig.flow(everyMinute)
  expect(await pass([rig.instance()], NOON + 10_000, NOON + 50_000)).toBe(0)
})

test('leaves a run out, and counts it, while the one before it goes on', async () => {
  await rig.flow(everyMinute)
  const scheduler = rig.instance()
  await scheduler.look()
  for (const minute of [1, 2, 3]) {
    rig.set(NOON + minute * MINUTE)
    await scheduler.look()
  }
  expect(await rig.ran()).toBe(1)
  expect(rig.skipped).toEqual(['still_running', 'still_running'])
})

test('after a stop it makes up the latest of the last minute and no other', async () => {
  await rig.flow([{ everySeconds: 10 }])
  expect(await pass([rig.instance()], NOON, NOON + MINUTE)).toBe(6)
  expect(await pass([rig.instance()], NOON + 30 * MINUTE, NOON + 30 * MINUTE)).toBe(1)
})

test('a clock that is set forward floods nothing', async () => {
  await rig.flow(everyMinute)
  const instances = [rig.instance(), rig.instance()]
  expect(await pass(instances, NOON, NOON + 2 * MINUTE)).toBe(2)
  const later = NOON + 7 * 24 * 60 * MINUTE
  expect(await pass(instances, later + 30_000, later + 30_000)).toBe(1)
  expect(rig.skipped).toContain('missed')
  expect(await pass(instances, later + 31_000, later + 2 * MINUTE)).toBe(2)
})

test('a clock that is set back doubles nothing, also after a restart', async () => {
  await rig.flow(everyMinute)
  const instances = [rig.instance()]
  expect(await pass(instances, NOON, NOON + 5 * MINUTE)).toBe(5)
  expect(await pass(instances, NOON + MINUTE, NOON + 5 * MINUTE)).toBe(0)
  expect(await pass([rig.instance()], NOON + MINUTE, NOON + 5 * MINUTE)).toBe(0)
  expect(await pass(instances, NOON + 5 * MINUTE + 1000, NOON + 7 * MINUTE)).toBe(2)
})

test('a clock that was far ahead does not silence a schedule for good', async () => {
  const { id } = await rig.flow(everyMinute)
  const scheduler = rig.instance()
  expect(id).toBe('flow:f')
  expect(await pass([scheduler], NOON + 1000 * MINUTE, NOON + 1001 * MINUTE)).toBeGreaterThan(0)
  expect(await pass([scheduler], NOON, NOON + 3 * MINUTE)).toBe(3)
})
