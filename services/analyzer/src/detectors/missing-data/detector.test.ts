import { describe, expect, test } from 'vitest'
import type { DetectionContext, Finding } from '../../detection/detector.ts'
import { type DetectorRig, detectorRig, RIG_START_MS } from '../testing/detector-rig.ts'
import { createMissingData } from './detector.ts'

/** Sends the named values every so many seconds, from second `from` up to `until`, and lets time pass. */
function send(rig: DetectorRig, names: readonly string[], everyS: number, until: number, from = 0): void {
  for (let second = from; second < until; second += everyS) {
    rig.bucket(second, Object.fromEntries(names.map((name) => [name, second % 7])))
  }
}

const process = (name: string): string => name.split(' ')[0]!

/** The first second in which something is told, of the next `seconds`. */
function firstTold(rig: DetectorRig, of: string, from: number, seconds: number): number | undefined {
  for (let second = from; second < from + seconds; second++) if (rig.pass(second, of).length > 0) return second
  return undefined
}

test('a process of more series than a call takes arguments is judged, and told whole', () => {
  const rig = detectorRig(createMissingData)
  const count = 200_000
  const context = {
    tracks: { size: count, process: new Int32Array(count), kpi: new Int8Array(count).fill(-1) },
    processes: { id: () => 'service:many', unit: () => 0 },
    report: (finding: Finding) => void found.push(finding),
  } as unknown as DetectionContext
  const found: Finding[] = []
  const track = Int32Array.from({ length: count }, (_, at) => at)
  const value = new Float64Array(count)
  for (let second = 0; second <= 130; second += 10) {
    const startMs = RIG_START_MS + second * 1000
    rig.detector.onBucket?.({ unit: 0, startMs, endMs: startMs + 1000, count, track, value, lives: [] }, context)
  }
  rig.detector.onTime?.(0, RIG_START_MS + 300_000, context)
  expect(found).toMatchObject([{ process: 0, track: -1 }])
})

describe('silence of what was regular', () => {
  test.each([
    ['every second', 1, 200, 228],
    ['every 10 seconds', 10, 300, 339],
    ['every minute', 60, 1200, 1319],
    ['every hour', 3600, 20 * 3600, 20 * 3600 + 2 * 3600 - 1],
  ])('%s', (_, everyS, until, told) => {
    const rig = detectorRig(createMissingData)
    const name = 'device:p:press temperature'
    send(rig, [name], everyS, until)
    expect(firstTold(rig, process(name), until - everyS, 4 * 3600)).toBe(told)
    const [finding] = rig.pass(told + 10, process(name))
    expect(finding).toMatchObject({ of: 'device:p:press', track: -1, centre: everyS })
    expect(finding!.value).toBeGreaterThan(everyS)
  })

  test('ends when it sends again, and is not learnt as an interval', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['host:h cpu'], 1, 200)
    expect(rig.pass(400, 'host:h')).toHaveLength(1)
    send(rig, ['host:h cpu'], 1, 410, 400)
    expect(rig.pass(410, 'host:h')).toEqual([])
    expect(rig.pass(450, 'host:h')).toHaveLength(1)
  })

  test('is no longer told when it was taken away a day ago', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['host:h cpu'], 1, 200)
    expect(rig.pass(86_000, 'host:h')).toHaveLength(1)
    rig.pass(87_000, 'host:h')
    expect(rig.pass(87_001, 'host:h')).toEqual([])
  })

  test('a new interval is learnt', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['device:p:d x'], 1, 300)
    send(rig, ['device:p:d x'], 120, 300 + 120 * 40, 300)
    expect(firstTold(rig, 'device:p:d', 300 + 120 * 39, 300)).toBeUndefined()
  })
})

describe('one of several series', () => {
  test('of a device is missed by itself', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['device:p:t level {"tank":"a"}', 'device:p:t level {"tank":"b"}'], 1, 200)
    send(rig, ['device:p:t level {"tank":"b"}'], 1, 260, 200)
    expect(rig.pass(260, 'device:p:t').map(({ attributes }) => attributes)).toEqual(['{"tank":"a"}'])
  })

  test('of a service is missed when the whole metric is', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['service:s m {"pod":"1"}', 'service:s m {"pod":"2"}', 'service:s n'], 1, 200)
    send(rig, ['service:s m {"pod":"2"}', 'service:s n'], 1, 260, 200)
    expect(rig.pass(260, 'service:s')).toEqual([])
    send(rig, ['service:s n'], 1, 320, 260)
    expect(rig.pass(320, 'service:s').map(({ metric }) => metric)).toEqual(['m'])
  })

  test('of a host comes and goes', () => {
    const rig = detectorRig(createMissingData)
    const disk = 'host:h system.disk.read {"system.device":"sdb"}'
    send(rig, ['host:h cpu', disk], 1, 200)
    send(rig, ['host:h cpu'], 1, 300, 200)
    expect(rig.pass(300, 'host:h')).toEqual([])
  })

  test('while the process sends something else, it is not the process', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['device:p:d x'], 1, 200)
    for (const second of [200, 207, 231, 233]) rig.bucket(second, { 'device:p:d irregular': 1 })
    expect(rig.pass(240, 'device:p:d').map(({ metric }) => metric)).toEqual(['x'])
  })
})

describe('what is not missed', () => {
  test('groups of processes', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['os:h:make cpu'], 1, 400)
    expect(firstTold(rig, 'os:h:make', 400, 600)).toBeUndefined()
  })

  test('what was sent for a moment, or without any order', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['device:p:d x'], 1, 60)
    expect(firstTold(rig, 'device:p:d', 60, 600)).toBeUndefined()
    let second = 0
    for (let i = 0; i < 200; i++) {
      second += [1, 40, 3, 90, 2, 25, 300][i % 7]!
      rig.bucket(second, { 'device:p:e x': 1 })
    }
    expect(firstTold(rig, 'device:p:e', second, 2000)).toBeUndefined()
  })

  test('a few messages that did not come', () => {
    const rig = detectorRig(createMissingData)
    const told: number[] = []
    for (let second = 0; second < 2000; second++) {
      if (second % 50 > 12) rig.bucket(second, { 'device:p:d x': 1 })
      if (rig.pass(second, 'device:p:d').length > 0) told.push(second)
    }
    expect(told).toEqual([])
  })
})

describe('bad input', () => {
  test('what is no number has not come, and late or repeated seconds change nothing', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['device:p:d x'], 1, 200)
    for (const second of [5, 199, 199, 0]) rig.bucket(second, { 'device:p:d x': 1 })
    for (let second = 200; second < 240; second++) rig.bucket(second, { 'device:p:d x': Number.NaN })
    expect(firstTold(rig, 'device:p:d', 200, 100)).toBe(228)
  })

  test('data that comes after it was missed takes it back', () => {
    const rig = detectorRig(createMissingData)
    send(rig, ['host:h cpu'], 1, 200)
    expect(rig.pass(300, 'host:h')).toHaveLength(1)
    send(rig, ['host:h cpu'], 1, 300, 200)
    expect(rig.pass(301, 'host:h')).toEqual([])
  })
})

test('a restart changes nothing, and what is forgotten is not missed', () => {
  const rig = detectorRig(createMissingData)
  send(rig, ['device:p:d x', 'device:p:d y'], 1, 100)
  rig.restart()
  send(rig, ['device:p:d x', 'device:p:d y'], 1, 200, 100)
  rig.restart()
  expect(firstTold(rig, 'device:p:d', 200, 100)).toBe(228)
  rig.detector.forgetTrack?.(rig.track('device:p:d', 'x'))
  rig.detector.forgetTrack?.(rig.track('device:p:d', 'y'))
  expect(rig.pass(400, 'device:p:d')).toEqual([])
  rig.detector.forgetProcess?.(rig.process('device:p:d'))
  expect(rig.pass(401, 'device:p:d')).toEqual([])
})
