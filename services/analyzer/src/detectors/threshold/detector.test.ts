import { create } from '@bufbuild/protobuf'
import { Severity, ThresholdSchema } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { detectorRig } from '../testing/detector-rig.ts'
import { createThreshold } from './detector.ts'

const limit = (fields: { metric: string; above?: number; below?: number; forMs?: number; severity?: Severity }) =>
  create(ThresholdSchema, fields)

function rigWith(...limits: ReturnType<typeof limit>[]) {
  const rig = detectorRig(createThreshold)
  rig.set({ thresholds: limits })
  return rig
}

/** In which seconds something is reported, the values being one per second. */
function reportedIn(rig: ReturnType<typeof rigWith>, metric: string, values: readonly number[]): number[] {
  return values.flatMap((value, second) => (rig.bucket(second, { [metric]: value }).length > 0 ? [second] : []))
}

describe('limits', () => {
  test.each([
    ['above', { metric: 'temperature', above: 80 }, [79, 80, 80.1, 79, 78.5, 78.3, 90], [2, 3, 4, 6]],
    ['below', { metric: 'temperature', below: 10 }, [11, 10, 9.9, 10.1, 10.3, 9], [2, 3, 5]],
    ['for a while', { metric: 'temperature', above: 80, forMs: 3000 }, [81, 81, 79, 81, 81, 81, 81, 10], [5, 6]],
    ['at zero', { metric: 'temperature', above: 0 }, [0, 1, 0, 1], [1, 3]],
    ['negative', { metric: 'temperature', below: -100 }, [-99, -101, -99, -97], [1, 2]],
  ])('%s', (_, fields, values, expected) => {
    expect(reportedIn(rigWith(limit(fields)), 'device:p:press temperature', values)).toEqual(expected)
  })

  test('says the limit, the value and the severity that was asked for', () => {
    const rig = rigWith(limit({ metric: 'cpu', above: 2, below: 1, severity: Severity.CRITICAL }))
    expect(rig.bucket(0, { 'os:h:nginx cpu': 3 })).toMatchObject([
      {
        of: 'os:h:nginx',
        metric: 'cpu',
        severity: Severity.CRITICAL,
        value: 3,
        expectedHigh: 2,
        expectedLow: Number.NaN,
      },
    ])
    expect(rig.bucket(1, { 'os:h:nginx cpu': 0.5 })).toMatchObject([{ value: 0.5, expectedLow: 1, rule: 'below 1' }])
  })

  test('without a severity it is a warning', () => {
    const rig = rigWith(limit({ metric: 'cpu', above: 2 }))
    expect(rig.bucket(0, { 'os:h:nginx cpu': 3 })[0]?.severity).toBe(Severity.WARNING)
  })

  test('each set of attributes is judged by itself', () => {
    const rig = rigWith(limit({ metric: 'level', above: 5, forMs: 2000 }))
    rig.bucket(0, { 'device:p:tank level {"tank":"a"}': 6, 'device:p:tank level {"tank":"b"}': 1 })
    const found = rig.bucket(1, { 'device:p:tank level {"tank":"a"}': 6, 'device:p:tank level {"tank":"b"}': 6 })
    expect(found.map(({ attributes }) => attributes)).toEqual(['{"tank":"a"}'])
  })
})

describe('bad input', () => {
  test('values that are no numbers change nothing', () => {
    const rig = rigWith(limit({ metric: 'x', above: 5, forMs: 2000 }))
    const values = [6, Number.NaN, Number.POSITIVE_INFINITY, 6, 4]
    expect(reportedIn(rig, 'device:p:d x', values)).toEqual([3])
  })

  test('a second told twice, or late, is no longer excursion', () => {
    const rig = rigWith(limit({ metric: 'x', above: 5, forMs: 3000 }))
    for (const second of [5, 5, 4, 5]) expect(rig.bucket(second, { 'device:p:d x': 6 })).toEqual([])
    expect(rig.bucket(7, { 'device:p:d x': 6 })).toHaveLength(1)
  })

  test('limits of infinity, or taken away, report nothing', () => {
    const rig = rigWith(limit({ metric: 'x', above: Number.NEGATIVE_INFINITY }))
    expect(rig.bucket(0, { 'device:p:d x': 6 })).toEqual([])
    rig.set({ thresholds: [] })
    expect(rig.bucket(1, { 'device:p:d x': 6 })).toEqual([])
  })
})

test('goes on after a restart where it was', () => {
  const rig = rigWith(limit({ metric: 'x', above: 5, forMs: 3000 }))
  rig.bucket(0, { 'device:p:d x': 6 })
  rig.bucket(1, { 'device:p:d x': 6 })
  rig.restart()
  expect(rig.bucket(2, { 'device:p:d x': 6 })).toHaveLength(1)
  rig.restart()
  expect(rig.bucket(3, { 'device:p:d x': 4.95 })).toHaveLength(1)
})

test.each([
  ['taken away', []],
  ['another', [limit({ metric: 'x', above: 7, forMs: 3000 })]],
])('a limit that was %s meanwhile begins anew when it is set again', (_, meanwhile) => {
  const thresholds = [limit({ metric: 'x', above: 5, forMs: 3000 })]
  const rig = rigWith(...thresholds)
  expect(reportedIn(rig, 'device:p:d x', [6, 6, 6])).toEqual([2])
  rig.set({ thresholds: meanwhile })
  rig.bucket(3, { 'device:p:d x': 6 })
  rig.set({ thresholds })
  expect(rig.bucket(4, { 'device:p:d x': 6 })).toEqual([])
  expect(rig.bucket(6, { 'device:p:d x': 6 })).toHaveLength(1)
})

test('a track that is given to another starts anew', () => {
  const rig = rigWith(limit({ metric: 'x', above: 5, forMs: 2000 }))
  rig.bucket(0, { 'device:p:d x': 6 })
  rig.detector.forgetTrack?.(rig.track('device:p:d', 'x'))
  expect(rig.bucket(1, { 'device:p:d x': 6 })).toEqual([])
})
