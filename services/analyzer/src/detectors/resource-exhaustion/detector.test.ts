import { Severity } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { type DetectorRig, detectorRig, RIG_START_MS } from '../testing/detector-rig.ts'
import { createResourceExhaustion } from './detector.ts'

const { INFO, WARNING, CRITICAL } = Severity

/** Severities in the seconds in which something is reported. */
function levels(rig: DetectorRig, metric: string, values: readonly number[], from = 0): Map<number, Severity> {
  const found = new Map<number, Severity>()
  for (const [at, value] of values.entries()) {
    const [finding] = rig.bucket(from + at, { [metric]: value })
    if (finding !== undefined) found.set(from + at, finding.severity)
  }
  return found
}

const times = (count: number, value: number): number[] => new Array<number>(count).fill(value)
const rigOf = (): DetectorRig => detectorRig(createResourceExhaustion)

describe('a level', () => {
  test('is reported from the first second on, so that it opens within ten', () => {
    const rig = rigOf()
    expect(rig.detector.openAfterMs).toBeLessThanOrEqual(10_000)
    expect([...levels(rig, 'host:h cpu_share', times(10, 0.95)).keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('of a short spike is not reported for long enough', () => {
    const rig = rigOf()
    const values = [...times(20, 0.1), 1, 1, ...times(20, 0.1), 1, 1, 1, ...times(20, 0.1)]
    expect([...levels(rig, 'host:h cpu_share', values).keys()]).toEqual([20, 21, 42, 43, 44])
  })

  test('is not over for one second below, and over when it is', () => {
    const rig = rigOf()
    const values = [...times(20, 1), 0.7, ...times(5, 1), ...times(10, 0.5)]
    const seconds = [...levels(rig, 'host:h cpu_share', values).keys()]
    expect(seconds).toContain(20)
    expect(seconds.at(-1)).toBeLessThan(28)
  })

  test('is a warning; critical when memory is at its end, or CPU stays there', () => {
    const rig = rigOf()
    expect(levels(rig, 'os:h:db memory_share', [0.92, 0.98, 0.98, 0.99, ...times(10, 0.99)]).get(0)).toBe(WARNING)
    expect(levels(rig, 'os:h:db memory_share', times(10, 0.99), 20).get(29)).toBe(CRITICAL)
    const cpu = levels(rig, 'host:h cpu_share', times(40, 1))
    expect([cpu.get(0), cpu.get(20), cpu.get(35)]).toEqual([WARNING, WARNING, CRITICAL])
  })

  test('of what was away for long begins anew', () => {
    const rig = rigOf()
    expect(levels(rig, 'host:h cpu_share', times(40, 1)).get(39)).toBe(CRITICAL)
    expect(levels(rig, 'host:h cpu_share', times(2, 1), 1000).get(1000)).toBe(WARNING)
  })

  test('names the process and the host that both reach it', () => {
    const rig = rigOf()
    const found = rig.bucket(0, { 'host:h cpu_share': 1, 'os:h:burn cpu_share': 0.97, 'os:h:idle cpu_share': 0.01 })
    expect(found.map(({ of, metric, value, expectedHigh }) => [of, metric, value, expectedHigh])).toEqual([
      ['host:h', 'cpu_share', 1, 0.9],
      ['os:h:burn', 'cpu_share', 0.97, 0.9],
    ])
  })

  test('goes by the threshold that is set', () => {
    const rig = rigOf()
    rig.set({ exhaustionShare: 0.5 })
    expect(rig.bucket(0, { 'host:h memory_share': 0.6 })[0]).toMatchObject({ expectedHigh: 0.5 })
  })

  test('of a disk is no trouble for the first minute', () => {
    const rig = rigOf()
    expect([...levels(rig, 'host:h io_share', times(70, 1)).keys()][0]).toBe(59)
  })

  test('of compilers that come and go is that of their host', () => {
    const rig = rigOf()
    let found = 0
    for (let second = 0; second < 60; second++) {
      const values = { 'host:h cpu_share': 1, 'os:h:cc1 cpu_share': 0.95 }
      const lives = [{ process: 'os:h:cc1', starts: 3, expectedEnds: 3, alive: 4 }]
      const named = rig.bucket(second, values, lives).map(({ of }) => of)
      expect(named).toContain('host:h')
      if (named.includes('os:h:cc1')) found += 1
    }
    expect(found).toBeLessThan(3)
  })
})

describe('other limits', () => {
  const mount = '{"system.filesystem.mountpoint":"/"}'

  test('a filesystem', () => {
    const rig = rigOf()
    rig.track('host:h', 'system.filesystem.utilization', mount, '1')
    expect(rig.bucket(0, { [`host:h system.filesystem.utilization ${mount}`]: 0.98 })[0]).toMatchObject({
      attributes: mount,
      severity: CRITICAL,
    })
  })

  test('percents, with a limit in percents', () => {
    const rig = rigOf()
    rig.track('device:p:tank', 'storage.utilization', '{}', '%')
    expect(rig.bucket(0, { 'device:p:tank storage.utilization': 91 })[0]).toMatchObject({
      value: 0.91,
      expectedHigh: 0.9,
    })
    expect(rig.bucket(1, { 'device:p:tank storage.utilization': 20 })).toEqual([])
  })

  test('a metric whose limit comes beside it', () => {
    const rig = rigOf()
    for (const metric of ['jvm.memory.used', 'jvm.memory.limit']) {
      rig.track('service:shop', metric, '{"pool":"old"}', 'By')
    }
    const of = (used: number) => ({
      'service:shop jvm.memory.limit {"pool":"old"}': 1e9,
      'service:shop jvm.memory.used {"pool":"old"}': used,
    })
    expect(rig.bucket(0, of(0.5e9))).toEqual([])
    expect(rig.bucket(1, of(0.95e9))).toMatchObject([
      { metric: 'jvm.memory.used', value: 0.95, expectedHigh: 0.9, words: '906 MiB of 954 MiB' },
    ])
  })

  test('a limit whose series was forgotten limits nothing any more, also after a restart', () => {
    const rig = rigOf()
    const [used, limit] = ['service:shop pool.used', 'service:shop pool.limit']
    expect(rig.bucket(0, { [limit]: 10, [used]: 9.9 })).toHaveLength(1)
    rig.restart()
    rig.detector.forgetTrack?.(rig.track('service:shop', 'pool.limit'))
    expect(rig.bucket(1, { [used]: 9.9 })).toEqual([])
    expect(rig.detector.state()['limits']).toEqual(new Map())
  })

  test.each([
    ['a share without unit', 'x.utilization', '', 0.99],
    ['percents that are called shares', 'x.utilization', '1', 95],
    ['a part of the host', 'system.disk.utilization', '1', 1],
    ['a usage without limit', 'x.usage', 'By', 1e12],
    ['anything else', 'temperature', '1', 1],
  ])('%s is not judged', (_, metric, unit, value) => {
    const rig = rigOf()
    rig.track('service:s', metric, '{}', unit)
    for (let second = 0; second < 20; second++)
      expect(rig.bucket(second, { [`service:s ${metric}`]: value })).toEqual([])
  })
})

describe('a forecast', () => {
  /** Minutes in which one is reported, with the minutes that are left then. */
  function forecasts(valueAt: (minute: number) => number, minutes: number, rig = rigOf()) {
    const found: { minute: number; left: number; severity: Severity }[] = []
    for (let minute = 0; minute < minutes; minute++) {
      for (const { exhaustedAtMs, severity, rule } of rig.minute(minute, {
        'os:h:leak memory_share': valueAt(minute),
      })) {
        expect(rule).toBe('forecast')
        found.push({ minute, severity, left: (exhaustedAtMs! - RIG_START_MS) / 60_000 - minute - 1 })
      }
    }
    return found
  }

  test('says when the limit is reached', () => {
    const found = forecasts((minute) => 0.5 + 0.002 * minute, 61)
    const last = found.at(-1)!
    expect(last.minute).toBe(60)
    expect(last.left).toBeCloseTo((1 - (0.5 + 0.002 * 60)) / 0.002, 1)
    expect(last.severity).toBe(WARNING)
    expect(found[0]!.minute).toBeGreaterThan(20)
  })

  test('is critical within minutes, and news of days', () => {
    expect(forecasts((minute) => 0.4 + 0.03 * minute, 16).at(-1)).toMatchObject({ severity: CRITICAL })
    const slow = forecasts((minute) => 0.5 + 0.0001 * minute, 24 * 60)
    expect(slow.at(-1)).toMatchObject({ severity: INFO })
    expect(slow.at(-1)!.left / 60).toBeCloseTo((1 - (0.5 + 0.0001 * 1440)) / 0.0001 / 60, -1)
  })

  test.each<[string, (minute: number) => number]>([
    ['memory that stays', () => 0.6],
    ['a cache that warms up and stays', (minute) => 0.3 + 0.4 * (1 - Math.exp(-minute / 8))],
    ['garbage that is collected', (minute) => 0.4 + 0.02 * (minute % 12)],
    ['a rise that takes a week', (minute) => 0.3 + 0.00005 * minute],
    ['little', (minute) => 0.01 + 0.003 * minute],
  ])('is not made of %s', (_, valueAt) => {
    expect(forecasts(valueAt, 90).filter(({ minute }) => minute > 40)).toEqual([])
  })

  test('ends when the process was restarted, and is no longer said after five minutes of rest', () => {
    const found = forecasts((minute) => (minute < 60 ? 0.4 + 0.005 * minute : 0.3), 70)
    expect(found.at(-1)!.minute).toBeLessThanOrEqual(60)
    const rested = forecasts((minute) => 0.4 + 0.005 * Math.min(minute, 60), 120)
    expect(rested.at(-1)!.minute).toBeLessThan(90)
  })

  test('is made again of what broke at its limit, or goes beyond where it was emptied', () => {
    const broken = (minute: number): number => 0.3 + 0.01 * (minute % 68)
    expect(forecasts(broken, 130).filter(({ minute }) => minute > 90).length).toBeGreaterThan(10)
    const higher = (minute: number): number => (minute < 20 ? 0.4 + 0.01 * minute : 0.35 + 0.01 * (minute - 20))
    const found = forecasts(higher, 75).filter(({ minute }) => minute > 25)
    expect(found[0]!.minute).toBeGreaterThan(46)
  })

  test('is told by the level, too, once that is at its threshold', () => {
    const rig = rigOf()
    forecasts((minute) => 0.51 + 0.007 * minute, 57, rig)
    const [finding] = rig.bucket(57 * 60, { 'os:h:leak memory_share': 0.91 })
    expect(finding).toMatchObject({ severity: CRITICAL })
    expect(finding!.exhaustedAtMs).toBeGreaterThan(RIG_START_MS + 57 * 60_000)
    expect(rig.minute(57, { 'os:h:leak memory_share': 0.91 })).toEqual([])
  })
})

describe('bad input', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1])(
    '%d is passed over',
    (wrong) => {
      const rig = rigOf()
      expect(rig.bucket(0, { 'host:h memory_share': wrong })).toEqual([])
      expect(rig.minute(0, { 'host:h memory_share': wrong })).toEqual([])
      rig.bucket(1, { 'host:h memory_share': 0.95 })
      rig.bucket(2, { 'host:h memory_share': wrong })
      const [finding] = rig.bucket(3, { 'host:h memory_share': 0.95 })
      if (wrong !== -1) expect(finding).toMatchObject({ value: 0.95 })
    },
  )

  test('seconds told twice, late or after long do not throw', () => {
    const rig = rigOf()
    for (const second of [5, 5, 3, 5, 100_000, 6]) {
      expect(rig.bucket(second, { 'host:h cpu_share': 1 }).length).toBeLessThanOrEqual(1)
    }
    for (const minute of [5, 5, 3, 900_000, 6]) expect(rig.minute(minute, { 'host:h memory_share': 0.5 })).toEqual([])
  })
})

test('a restart changes nothing', () => {
  const run = (restartsAt: number): unknown[] => {
    const rig = rigOf()
    const found: unknown[] = []
    for (let minute = 0; minute < 40; minute++) {
      if (minute === restartsAt) rig.restart()
      found.push(...rig.minute(minute, { 'os:h:leak memory_share': 0.5 + 0.008 * minute }))
      found.push(...rig.bucket(minute * 60 + 59, { 'host:h cpu_share': minute % 7 === 0 ? 0.5 : 0.96 }))
    }
    return found
  }
  const whole = run(-1)
  expect(whole.length).toBeGreaterThan(20)
  for (const at of [1, 13, 26, 39]) expect(run(at)).toEqual(whole)
})

test('state of another version is refused', () => {
  expect(() => rigOf().detector.restore({ version: 0 })).toThrow('another version')
})
