import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { type DetectorRig, detectorRig } from '../testing/detector-rig.ts'
import { createRestartLoop } from './detector.ts'

const app = 'os:h:app'
type Life = NonNullable<Parameters<DetectorRig['bucket']>[2]>[number]

const restarted: Omit<Life, 'process'> = { starts: 1, unexpectedEnds: 1, restarts: 1, alive: 1, longRunning: true }

function rigAfter(seconds: readonly number[], life: Omit<Life, 'process'> = restarted): DetectorRig {
  const rig = detectorRig(createRestartLoop)
  for (const second of seconds) rig.bucket(second, {}, [{ process: app, ...life }])
  return rig
}

describe('a loop', () => {
  test('is three restarts within ten minutes', () => {
    expect(rigAfter([0, 200]).pass(201, app)).toEqual([])
    expect(rigAfter([0, 200, 599]).pass(600, app)).toEqual([])
    expect(rigAfter([0, 200, 400]).pass(401, app)).toMatchObject([
      { of: app, track: -1, severity: Severity.WARNING, value: 3, words: '3 restarts within 10 min' },
    ])
    expect(rigAfter([0, 1, 2, 3, 4, 5]).pass(6, app)[0]?.severity).toBe(Severity.CRITICAL)
    expect(rigAfter(Array.from({ length: 100 }, (_, at) => at)).pass(100, app)[0]?.words).toMatch(/^at least 32 /)
  })

  test('is over when it has run for three minutes', () => {
    const rig = rigAfter([0, 10, 20])
    expect(rig.pass(199, app)).toHaveLength(1)
    expect(rig.pass(201, app)).toEqual([])
  })

  test('counts every restart of a second', () => {
    expect(rigAfter([0], { ...restarted, restarts: 3 }).pass(1, app)).toMatchObject([{ value: 3 }])
  })
})

describe('what is no loop', () => {
  test.each<[string, Omit<Life, 'process'>]>([
    ['programs that fail and are started, but not in the same place', { ...restarted, restarts: 0 }],
    ['programs that end', { starts: 5, expectedEnds: 5, alive: 0, longRunning: true }],
    ['a failure that nothing follows', { unexpectedEnds: 1, alive: 0, longRunning: true }],
  ])('%s', (_, life) => {
    expect(rigAfter([0, 10, 20, 30, 40], life).pass(41, app)).toEqual([])
  })
})

test('goes on after a restart, and forgets what it is told to', () => {
  const rig = rigAfter([0, 10])
  rig.restart()
  rig.bucket(20, {}, [{ process: app, ...restarted }])
  rig.restart()
  expect(rig.pass(21, app)).toHaveLength(1)
  rig.detector.forgetProcess?.(0)
  expect(rig.pass(22, app)).toEqual([])
})

test('what comes late or twice is counted as it comes, and nothing throws', () => {
  const rig = rigAfter([500, 500, 100])
  expect(rig.pass(501, app).length).toBeLessThanOrEqual(1)
  expect(rig.pass(5000, app)).toEqual([])
})
