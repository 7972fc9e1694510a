import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import type { DetectionContext, ExcursionEvent } from '../../detection/detector.ts'
import { type DetectorRig, detectorRig, RIG_START_MS } from '../testing/detector-rig.ts'
import { createFlapping } from './detector.ts'

const link = 'device:plant:link'
const context = { processes: { unit: () => 0 } } as unknown as DetectionContext

function event(second: number, fields: Partial<ExcursionEvent> = {}): ExcursionEvent {
  const timeMs = RIG_START_MS + second * 1000
  const subject = { type: 'threshold', process: 0, track: 0, rule: 'above 5', severity: Severity.WARNING } as const
  return { ...subject, opened: true, startMs: timeMs, timeMs, ...fields }
}

/** An anomaly that opens in these seconds, as far as it is let. */
function openIn(rig: DetectorRig, seconds: readonly number[]): number[] {
  rig.process(link)
  rig.track(link, 'x')
  return seconds.filter((second) => {
    rig.pass(second - 1, link)
    if (rig.detector.holdsBack?.(event(second)) === true) return false
    rig.detector.onExcursion?.(event(second), context)
    rig.detector.onExcursion?.(event(second + 5, { opened: false }), context)
    return true
  })
}

describe('anomalies that open again and again', () => {
  test('are told once, and held back while it lasts', () => {
    const rig = detectorRig(createFlapping)
    expect(openIn(rig, [0, 60, 120, 180, 240, 300, 360])).toEqual([0, 60, 120, 180])
    expect(rig.pass(361, link)).toMatchObject([
      {
        of: link,
        metric: 'x',
        severity: Severity.WARNING,
        rule: 'threshold above 5',
        words: 'threshold opened 7 times within 30 min',
      },
    ])
    expect(rig.pass(900, link)).toHaveLength(1)
    expect(rig.pass(1000, link)).toEqual([])
  })

  test('open again when it has been calm for ten minutes', () => {
    const rig = detectorRig(createFlapping)
    openIn(rig, [0, 60, 120, 180, 240])
    rig.pass(2500, link)
    expect(openIn(rig, [2501])).toEqual([2501])
  })

  test('are no flapping when they are rare, others, or flapping itself', () => {
    const rig = detectorRig(createFlapping)
    const hourly = Array.from({ length: 10 }, (_, hour) => hour * 3600)
    expect(openIn(rig, hourly)).toEqual(hourly)
    const others = detectorRig(createFlapping)
    openIn(others, [0, 10, 20, 30])
    for (const other of [
      { track: 1 },
      { rule: 'above 6' },
      { type: 'expression' },
      { process: 1 },
      { type: 'flapping' },
    ]) {
      expect(others.detector.holdsBack?.(event(40, other))).toBe(false)
    }
  })

  test('what is out of normal without a break opens after ten minutes', () => {
    const rig = detectorRig(createFlapping)
    openIn(rig, [0, 60, 120, 180])
    const startMs = RIG_START_MS + 240_000
    expect(rig.detector.holdsBack?.(event(300, { startMs }))).toBe(true)
    expect(rig.detector.holdsBack?.(event(800, { startMs }))).toBe(true)
    expect(rig.detector.holdsBack?.(event(841, { startMs }))).toBe(false)
  })
})

describe('states that go back and forth', () => {
  /** Seconds in which it is told, of a state by second; told about once a minute. */
  function toldFor(stateAt: (second: number) => number, seconds: number, rig = detectorRig(createFlapping)): number[] {
    const told: number[] = []
    for (let second = 0; second < seconds; second += 10) {
      rig.bucket(second, { 'device:plant:link up': stateAt(second) })
      if (rig.pass(second, link).length > 0) told.push(second)
    }
    return told
  }

  test('are told while they do, against what is usual', () => {
    const told = toldFor((second) => (second < 7200 || second > 8200 ? 1 : Math.floor(second / 60) % 2), 10_000)
    expect(told[0]).toBeGreaterThan(7400)
    expect(told[0]).toBeLessThan(7700)
    expect(told.at(-1)).toBeLessThan(8900)
  })

  test.each<[string, (second: number) => number]>([
    ['a state that changes all day', (second) => Math.floor(second / 60) % 2],
    ['a level', (second) => (second / 20) % 5],
    ['a share', (second) => 0.5 + 0.5 * Math.sin(second / 50)],
    ['a few changes', (second) => (second > 7200 && second < 7240 ? 0 : 1)],
  ])('%s is none', (_, stateAt) => expect(toldFor(stateAt, 14_400)).toEqual([]))

  test('what is no number changes nothing, and a value of another kind ends it', () => {
    const wrong = (second: number): number => (second % 30 === 0 ? Number.NaN : 1)
    expect(toldFor(wrong, 10_000)).toEqual([])
    const level = (second: number): number => (second > 7400 ? 17 : second > 7000 ? (second / 10) % 2 : 1)
    expect(toldFor(level, 9000).filter((second) => second > 7420)).toEqual([])
  })
})

test('goes on after a restart, and forgets what it is told to', () => {
  const rig = detectorRig(createFlapping)
  openIn(rig, [0, 60])
  rig.restart()
  openIn(rig, [120, 180])
  rig.restart()
  expect(openIn(rig, [240])).toEqual([])
  rig.detector.forgetTrack?.(0)
  expect(openIn(rig, [300])).toEqual([300])
  rig.detector.forgetProcess?.(0)
  expect(rig.pass(301, link)).toEqual([])
})

test('a track that is given to another series is not held back for the one before it', () => {
  const rig = detectorRig(createFlapping)
  openIn(rig, [0, 60, 120, 180])
  rig.detector.forgetTrack?.(0)
  expect(openIn(rig, [240])).toEqual([240])
})

test('late and repeated seconds do not throw', () => {
  const rig = detectorRig(createFlapping)
  for (const second of [100, 100, 50, 100]) rig.bucket(second, { 'device:plant:link up': second % 2 })
  expect(rig.pass(10, link)).toEqual([])
})
