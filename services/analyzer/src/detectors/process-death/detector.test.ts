import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { type DetectorRig, detectorRig } from '../testing/detector-rig.ts'
import { createProcessDeath } from './detector.ts'

const { INFO, WARNING, CRITICAL } = Severity
const nginx = 'os:h:nginx'
const HOUR = 3600

type Life = NonNullable<Parameters<DetectorRig['bucket']>[2]>[number]

const seenFrom = (second: number, rig = detectorRig(createProcessDeath)): DetectorRig => {
  rig.bucket(second, { 'os:h:nginx cpu': 1 })
  return rig
}
/** An instance that ends has run for `second` unless told otherwise. */
const lives = (rig: DetectorRig, second: number, life: Omit<Life, 'process'>): void => {
  const longestMs = life.alive === 0 ? second * 1000 : 0
  rig.bucket(second, {}, [{ process: nginx, longestMs, ...life }])
}
const gone = { alive: 0, longRunning: true }
const failed = { ...gone, unexpectedEnds: 1 }
const toldAt = (rig: DetectorRig, seconds: readonly number[]): number[] =>
  seconds.filter((second) => rig.pass(second, nginx).length > 0)

describe('a death', () => {
  test('is told when it has not come back for ten seconds, until it is back', () => {
    const rig = seenFrom(0)
    lives(rig, 7200, gone)
    expect(toldAt(rig, [7201, 7209, 7210, 7211, 7300])).toEqual([7210, 7211, 7300])
    lives(rig, 7301, { starts: 1, alive: 1, longRunning: true })
    expect(toldAt(rig, [7301, 7302])).toEqual([])
  })

  test.each([
    ['nobody saw, after minutes, in a container', { ...gone, isContained: true }, 300, INFO],
    ['nobody saw, after most of the time that was watched', gone, 700, INFO],
    ['nobody saw, after an hour', gone, HOUR, WARNING],
    ['nobody saw, after days', gone, 50 * HOUR, CRITICAL],
    ['failed, after minutes', failed, 300, WARNING],
    ['failed, after hours', failed, 3 * HOUR, CRITICAL],
  ])('%s', (_, life, ranS, severity) => {
    const rig = seenFrom(0)
    lives(rig, ranS, life)
    expect(rig.pass(ranS + 10, nginx)).toMatchObject([{ of: nginx, track: -1, severity }])
  })

  test('is told in words', () => {
    const rig = seenFrom(0)
    lives(rig, 3 * HOUR, failed)
    expect(rig.pass(3 * HOUR + 20, nginx)[0]?.words).toBe('its last instance failed, after it had run for 3 h')
  })

  test('is told for a day, of what may have been meant for ten minutes', () => {
    const rig = seenFrom(0)
    lives(rig, 700, gone)
    expect(toldAt(rig, [1200, 1400])).toEqual([1200])
    const server = seenFrom(0)
    lives(server, 2 * HOUR, gone)
    expect(toldAt(server, [20 * HOUR, 27 * HOUR])).toEqual([20 * HOUR])
  })
})

describe('what is no death', () => {
  test.each<[string, Omit<Life, 'process'>, number]>([
    ['a program of one shot', { starts: 1, expectedEnds: 1, alive: 0 }, 300],
    ['one that failed', { starts: 1, unexpectedEnds: 1, alive: 0 }, 300],
    ['an end that was seen to be good', { expectedEnds: 1, ...gone }, 7200],
    ['an end of one of several', { unexpectedEnds: 1, alive: 3, longRunning: true }, 7200],
    ['an end within the first minute', gone, 30],
    ['an unseen end after minutes, when little has been watched', gone, 300],
    ['a batch that ended unseen, of a name that was seen for hours', { ...gone, longestMs: 900_000 }, 7200],
  ])('%s', (_, life, second) => {
    const rig = seenFrom(0)
    lives(rig, second, life)
    expect(toldAt(rig, [second + 10, second + 100])).toEqual([])
  })

  test('a restart within seconds', () => {
    const rig = seenFrom(0)
    lives(rig, 7200, gone)
    lives(rig, 7205, { starts: 1, unexpectedEnds: 1, alive: 1, longRunning: true })
    expect(toldAt(rig, [7205, 7210, 7300])).toEqual([])
  })

  test('what was decided to be expected later does not begin anew', () => {
    const rig = seenFrom(0)
    lives(rig, 300, { ...gone, expectedEnds: 1 })
    lives(rig, 310, gone)
    expect(toldAt(rig, [330])).toEqual([])
  })

  test('a program that comes and goes is known after two ends, unless it had run far longer', () => {
    const rig = detectorRig(createProcessDeath)
    const told: boolean[] = []
    let second = 0
    for (const ranS of [2000, 3000, 4000, 2500, 86_400]) {
      lives(rig, second, { starts: 1, alive: 1 })
      lives(rig, second + ranS, { ...gone, longestMs: ranS * 1000 })
      told.push(rig.pass(second + ranS + 15, nginx).length > 0)
      second += ranS + 600
    }
    expect(told).toEqual([true, true, false, false, true])
  })

  test('thousands of short programs on a busy machine', () => {
    const rig = detectorRig(createProcessDeath)
    for (let second = 0; second < 600; second++) {
      const short = ['sh', 'cc1', 'sleep'].map((name, at) => ({
        process: `os:h:${name}`,
        starts: 3 + at,
        expectedEnds: 2 + at,
        unexpectedEnds: second % 3,
        alive: second % 4 === 0 ? 0 : 2,
      }))
      rig.bucket(second, { 'os:h:sh cpu': 1 }, short)
      expect(rig.pass(second, 'os:h:sh')).toEqual([])
    }
  })
})

test('goes on after a restart', () => {
  const rig = seenFrom(0)
  rig.restart()
  lives(rig, 7200, gone)
  rig.restart()
  expect(toldAt(rig, [7205, 7211])).toEqual([7211])
  rig.detector.forgetProcess?.(0)
  expect(toldAt(rig, [7212])).toEqual([])
})

test('what comes late or twice does not throw', () => {
  const rig = seenFrom(100)
  for (const second of [50, 7200, 7200, 10]) lives(rig, second, failed)
  rig.bucket(5, { 'os:h:nginx cpu': Number.NaN, 'device:p:d x': 1 })
  expect(() => rig.pass(0, nginx)).not.toThrow()
})
