import type { ForestModel } from '@driftline/proto'
import { describe, expect, test, vi } from 'vitest'
import { type DetectorRig, detectorRig, type NamedFinding, RIG_START_MS } from '../testing/detector-rig.ts'
import { createIsolationForest, type ForestDetector } from './detector.ts'
import { createRandom } from './random.ts'
import { forestModel, rowsOf, trainBytes } from './train-job.ts'
import type { TrainingJob } from './training.ts'

// Days go by in these tests, in a second or two where the machine has nothing else to do.
vi.setConfig({ testTimeout: 120_000 })

const MINUTE_MS = 60_000
const DAY = 1440
const GROUP = 'os:web-1:nginx'

type Kpis = Readonly<Record<string, number>>

/** A process with a day and a night, the same in every run. */
function daily(seed: bigint): (minute: number) => Kpis {
  const random = createRandom(seed)
  return (minute) => {
    const load = 1.2 + Math.sin((2 * Math.PI * minute) / DAY) + 0.1 * random.nextUnit()
    return { cpu: load, memory: 4e8 + 1e8 * load, disk_write: 1e5 * load * (1 + random.nextUnit()), throughput: 0 }
  }
}

const ofProcess = (process: string, kpis: Kpis): Record<string, number> =>
  Object.fromEntries(Object.entries(kpis).map(([kpi, value]) => [`${process} ${kpi}`, value]))

/** The rig with a trainer that is done when a job's time has come. */
function forestRig(forestsMax = 200) {
  const rig: DetectorRig = detectorRig(createIsolationForest, { forestsMax })
  const jobs: TrainingJob[] = []
  const due: { readonly atMs: number; readonly process: string; readonly model: ForestModel }[] = []
  const lose = { models: false }
  return {
    rig,
    jobs,
    lose,
    minute(minute: number, values: Record<string, number>): NamedFinding[] {
      while (due.length > 0 && due[0]!.atMs <= RIG_START_MS + minute * MINUTE_MS) {
        const { process, model } = due.shift()!
        rig.model(process, model)
      }
      const found = rig.minute(minute, values)
      for (const job of (rig.detector as ForestDetector).takeJobs()) {
        jobs.push(job)
        const model = forestModel(job, rowsOf(job), trainBytes(job))
        if (!lose.models) due.push({ atMs: job.effectiveTimeMs, process: job.process, model })
      }
      return found
    },
  }
}

/** Two days of a normal process, then what `spoil` makes of it for 20 minutes, then normal again. */
function threeDays(spoil: (kpis: Kpis) => Kpis, restartEvery = Number.POSITIVE_INFINITY) {
  const driven = forestRig()
  const process = daily(1n)
  const found = new Map<number, NamedFinding>()
  for (let minute = 0; minute < 2 * DAY + 200; minute++) {
    const isSpoilt = minute >= 2 * DAY + 100 && minute < 2 * DAY + 120
    const kpis = process(minute)
    for (const finding of driven.minute(minute, ofProcess(GROUP, isSpoilt ? spoil(kpis) : kpis))) {
      found.set(minute - 2 * DAY - 100, finding)
    }
    if (minute % restartEvery === restartEvery - 1) driven.rig.restart()
  }
  return { found, jobs: driven.jobs }
}

const burnsAndWrites = (kpis: Kpis): Kpis => ({ ...kpis, cpu: 60, disk_write: 1e9 })

describe('finds', () => {
  test.each([
    ['CPU and writes far beyond what was seen', burnsAndWrites, ['cpu', 'disk_write']],
    ['starts, where there never were any', (kpis: Kpis) => ({ ...kpis, throughput: 2 }), ['throughput']],
    ['memory far beyond what was seen', (kpis: Kpis) => ({ ...kpis, memory: 8e9 }), ['memory']],
  ])('%s', (_, spoil, culprits) => {
    const { found } = threeDays(spoil)
    const minutes = [...found.keys()]
    expect(minutes.length).toBeGreaterThan(10)
    expect(minutes[0]).toBeGreaterThanOrEqual(0)
    expect(minutes[0]).toBeLessThanOrEqual(5)
    expect(minutes.at(-1)).toBeLessThan(20)
    const finding = found.get(minutes.at(-1)!)!
    expect(finding).toMatchObject({ of: GROUP, track: -1, metric: '' })
    const named = finding.contributions!.slice(0, culprits.length).map(({ metric }) => metric)
    expect(named.sort()).toEqual([...culprits].sort())
  })

  test('nothing in what is normal', () => {
    expect(threeDays((kpis) => kpis).found.size).toBe(0)
  })
})

test('a restart at any time changes nothing', () => {
  const whole = threeDays(burnsAndWrites)
  const restarted = threeDays(burnsAndWrites, 37)
  expect(restarted.found).toEqual(whole.found)
  expect(restarted.jobs).toEqual(whole.jobs)
})

describe('training', () => {
  test('begins after an hour, on the KPIs that there are, and takes effect a minute later', () => {
    const { jobs, minute } = forestRig()
    const process = daily(2n)
    for (let at = 0; at < 60; at++) minute(at, ofProcess(GROUP, process(at)))
    expect(jobs).toHaveLength(1)
    expect(jobs[0]).toMatchObject({
      tenant: 'default',
      process: GROUP,
      features: ['throughput', 'cpu', 'memory', 'disk_write'],
      trainedFromMs: RIG_START_MS,
      trainedThroughMs: RIG_START_MS + 60 * MINUTE_MS,
      effectiveTimeMs: RIG_START_MS + 61 * MINUTE_MS,
    })
    expect(jobs[0]!.points).toHaveLength(60 * 4)
  })

  test('comes again when the data has doubled, every six hours of the first day, then once a day', () => {
    const { jobs } = threeDays((kpis) => kpis)
    const hours = jobs.map(({ trainedThroughMs }) => (trainedThroughMs - RIG_START_MS) / 3_600_000)
    expect(hours.slice(0, 7).map(Math.round)).toEqual([1, 2, 4, 8, 14, 20, 26])
    expect(hours.length).toBeLessThanOrEqual(8)
  })

  test('is asked for again when no model came', () => {
    const { jobs, minute, lose } = forestRig()
    lose.models = true
    for (let at = 0; at < 91; at++) minute(at, ofProcess(GROUP, daily(3n)(at)))
    expect(jobs.map(({ trainedThroughMs }) => (trainedThroughMs - RIG_START_MS) / MINUTE_MS)).toEqual([60, 75, 90])
  })

  test('asks for none with a single KPI, and none when it is switched off', () => {
    const single = forestRig()
    for (let at = 0; at < 200; at++) single.minute(at, { [`${GROUP} cpu`]: at % 7 })
    expect(single.jobs).toEqual([])
    const off = forestRig()
    off.rig.set({ disabledTypes: new Set(['isolation_forest']) })
    for (let at = 0; at < 200; at++) off.minute(at, ofProcess(GROUP, daily(1n)(at)))
    expect(off.jobs).toEqual([])
  })
})

describe('of more processes than may have a forest', () => {
  const kpis = { cpu: 1, memory: 2 }

  test('those that came first have one, and hosts before groups', () => {
    const { jobs, minute } = forestRig(2)
    for (let at = 0; at < 80; at++) {
      const groups = ['a', 'b', 'c'].map((name) => ofProcess(`os:web-1:${name}`, kpis))
      minute(at, Object.assign({}, ...groups, at >= 5 ? ofProcess('host:web-1', kpis) : {}))
    }
    expect(jobs.map(({ process }) => process)).toEqual(['os:web-1:a', 'host:web-1'])
  })

  test('one that is forgotten makes room', () => {
    const { jobs, minute, rig } = forestRig(1)
    for (let at = 0; at < 30; at++) minute(at, { ...ofProcess('os:web-1:a', kpis), ...ofProcess('os:web-1:b', kpis) })
    rig.detector.forgetProcess!(rig.process('os:web-1:a'))
    for (let at = 30; at < 100; at++) minute(at, ofProcess('os:web-1:b', kpis))
    expect(jobs.map(({ process }) => process)).toEqual(['os:web-1:b'])
  })
})

test('minutes that come again, late or with gaps, and wild values, harm nothing', () => {
  const { minute } = forestRig()
  const process = daily(4n)
  const wild = [1e100, -1e100, 0, 1e-300]
  for (let at = 0; at < 400; at++) {
    const values = at % 50 === 49 ? { ...process(at), cpu: wild[at % 4]!, error_rate: wild[at % 3]! } : process(at)
    minute(at < 200 ? at : at + 1000, ofProcess(GROUP, values))
    minute(at - (at % 3), ofProcess(GROUP, values))
  }
})

test('a model that cannot be read, or is about other KPIs, changes nothing', () => {
  const { rig, jobs, minute } = forestRig()
  for (let at = 0; at < 70; at++) minute(at, ofProcess(GROUP, daily(5n)(at)))
  const before = structuredClone(rig.detector.state())
  const good = forestModel(jobs[0]!, 60, trainBytes(jobs[0]!))
  rig.model(GROUP, { ...good, model: good.model.subarray(0, 40) })
  rig.model(GROUP, { ...good, features: ['cpu', 'memory', 'disk_write', 'mood'] })
  rig.model(GROUP, { ...good, features: ['cpu', 'memory'] })
  expect(rig.detector.state()).toEqual(before)
})
