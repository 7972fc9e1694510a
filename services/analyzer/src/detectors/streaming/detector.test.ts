import { Severity } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { detectorRig, type NamedFinding } from '../testing/detector-rig.ts'
import { createStreamingDetector, thresholdOf } from './detector.ts'

const SERIES = 'device:plant-a:press-3 temperature'

/** Deterministic noise of -1 to 1. */
const noise = (row: number): number => ((Math.sin(row * 12.9898) * 43758.5453) % 1) * 1

/** Minutes of `valueAt`; the findings by minute. */
function run(
  rig: ReturnType<typeof detectorRig>,
  from: number,
  to: number,
  valueAt: (minute: number) => number,
  name = SERIES,
): Map<number, NamedFinding> {
  const found = new Map<number, NamedFinding>()
  for (let minute = from; minute < to; minute++) {
    const [finding] = rig.minute(minute, { [name]: valueAt(minute) })
    if (finding !== undefined) found.set(minute, finding)
  }
  return found
}

test.each([
  ['doubles', (before: number) => before * 2],
  ['falls to half', (before: number) => before / 2],
  ['falls to zero', () => 0],
  ['scatters ten times as widely', (before: number, minute: number) => 20 + (before - 20) * (minute % 2 ? 15 : -15)],
])('a series that %s is reported within five minutes, and calm again after it is back', (_, change) => {
  const rig = detectorRig(createStreamingDetector)
  const usual = (minute: number): number => 20 + noise(minute)
  const calm = run(rig, 0, 600, usual)
  expect([...calm.values()].filter(({ severity }) => severity === Severity.WARNING)).toEqual([])
  const found = run(rig, 600, 640, (minute) => change(usual(minute), minute))
  expect(Math.min(...found.keys())).toBeLessThanOrEqual(605)
  const [first] = found.values()
  expect(first).toMatchObject({ of: 'device:plant-a:press-3', metric: 'temperature' })
  expect([...found.values()].some(({ severity }) => severity === Severity.WARNING)).toBe(true)
  expect([...found.values()].some(({ severity }) => severity === Severity.CRITICAL)).toBe(false)
  const after = run(rig, 640, 900, usual)
  // Without a baseline the way back is news of its own, for an hour at most.
  expect(Math.max(0, ...after.keys())).toBeLessThan(780)
})

test('what lasts is how the series is now: nothing is reported after an hour and a half', () => {
  const rig = detectorRig(createStreamingDetector)
  run(rig, 0, 600, (minute) => 20 + noise(minute))
  const found = run(rig, 600, 1200, (minute) => 40 + noise(minute))
  expect(found.size).toBeGreaterThan(5)
  expect(Math.max(...found.keys())).toBeLessThan(690)
})

test('a series that is slower than a minute is followed row by row', () => {
  const rig = detectorRig(createStreamingDetector)
  run(rig, 0, 300, (row) => 5 + noise(row))
  for (let row = 0; row < 300; row++) rig.minute(1000 + row * 10, { [SERIES]: 5 + noise(row) })
  const found = Array.from({ length: 8 }, (_, row) => rig.minute(4000 + row * 10, { [SERIES]: 15 + noise(row) }))
  expect(found.flat().length).toBeGreaterThan(3)
})

test('the more sensitive, the readier: a small change is told at 1 and not at 0', () => {
  const alarmsAt = (sensitivity: number): number => {
    const rig = detectorRig(createStreamingDetector)
    rig.set({ sensitivity })
    run(rig, 0, 600, (minute) => 20 + noise(minute))
    return run(rig, 600, 640, (minute) => 23 + noise(minute)).size
  }
  expect(alarmsAt(0)).toBe(0)
  expect(alarmsAt(1)).toBeGreaterThan(0)
  expect(thresholdOf(0.8)).toBeCloseTo(1.6)
})

test('slots are bounded: devices come before groups of processes, which have to have lasted for an hour', () => {
  const rig = detectorRig(createStreamingDetector, { streamingMax: 1 })
  const group = 'os:web-1:nginx cpu'
  const usual = (minute: number): number => 2 + noise(minute)
  run(rig, 0, 600, usual, group)
  expect(run(rig, 600, 640, () => 9, group).size).toBeGreaterThan(0)
  run(rig, 640, 1400, usual)
  expect(run(rig, 1400, 1440, () => 9, group).size).toBe(0)
  expect(run(rig, 1440, 1480, () => 9).size).toBeGreaterThan(0)
  rig.detector.forgetTrack!(rig.track('device:plant-a:press-3', 'temperature'))
  run(rig, 1480, 2200, usual, group)
  expect(run(rig, 2200, 2240, () => 9, group).size).toBeGreaterThan(0)
})

test('a restart in the middle changes nothing', () => {
  const [through, restarted] = [detectorRig(createStreamingDetector), detectorRig(createStreamingDetector)]
  const valueAt = (minute: number): number => (minute >= 500 && minute < 530 ? 44 : 20) + noise(minute)
  const expected = run(through, 0, 900, valueAt)
  const before = run(restarted, 0, 510, valueAt)
  restarted.restart()
  const after = run(restarted, 510, 900, valueAt)
  expect(expected.size).toBeGreaterThan(0)
  expect(new Map([...before, ...after])).toEqual(expected)
})

test('state of another version, or for more series, is refused', () => {
  const rig = detectorRig(createStreamingDetector)
  for (let minute = 0; minute < 3; minute++) rig.minute(minute, { [SERIES]: 1, 'device:plant-a:press-4 level': 2 })
  const state = rig.detector.state()
  expect(() => rig.detector.restore({ ...state, version: 99 })).toThrow(TypeError)
  const smaller = detectorRig(createStreamingDetector, { streamingMax: 1 })
  expect(() => smaller.detector.restore(state)).toThrow(TypeError)
})

test('values that are not finite, repeated, late or out of order throw nothing, and what is said is finite', () => {
  const values = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1e100, 1e100, 0, 5e-324))
  const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), values), { maxLength: 60 })
  fc.assert(
    fc.property(rows, (all) => {
      const rig = detectorRig(createStreamingDetector)
      run(rig, 0, 200, (minute) => 20 + noise(minute))
      for (const [minute, value] of all) {
        for (const { severity, score, centre } of rig.minute(minute, { [SERIES]: value })) {
          expect(severity).toBeLessThan(Severity.CRITICAL)
          expect([score, centre].every(Number.isFinite)).toBe(true)
        }
      }
    }),
    { numRuns: 60 },
  )
})
