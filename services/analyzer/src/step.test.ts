import { EndKind, hostMetrics } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { defaultStepConfig } from './config.ts'
import type { KpiRows } from './model/close.ts'
import { columnOf, passedOver } from './model/columns.ts'
import { createPartitionState } from './model/state.ts'
import { type AnalyzerEvent, type Outcome, openPartition, step } from './step.ts'
import { hostEvents, START_MS, tick } from './testing/events.ts'

const web = hostEvents('web-1')

/** Applies events in order. Rows are keyed by `<second after the start> <process>`, values by KPI. */
function run(events: readonly AnalyzerEvent[], config = defaultStepConfig) {
  const partition = openPartition(config, createPartitionState())
  const outcomes = events.map((event) => step(config, partition, event))
  return { rows: rowsOf(outcomes.flatMap(({ closed }) => closed)), outcomes, partition }
}

function rowsOf(closed: readonly KpiRows[]): Map<string, Record<string, number>> {
  const rows = new Map<string, Record<string, number>>()
  for (const batch of closed) {
    for (const [row, process] of batch.process.entries()) {
      const values = Object.entries(batch).filter(
        (entry): entry is [string, Float64Array] => entry[1] instanceof Float64Array,
      )
      const second = (batch.bucketTimeMs - START_MS) / 1000
      rows.set(`${second} ${process}`, Object.fromEntries(values.map(([name, column]) => [name, column[row]!])))
    }
  }
  return rows
}

const total = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number =>
  outcomes.reduce((sum, outcome) => sum + of(outcome), 0)

describe('buckets', () => {
  test('close 200 ms after their end by the watermark of their own host', () => {
    const other = hostEvents('web-2')
    const early = run([web.define([]), web.samples(100, { 'host.cpu': 0.5 }), web.samples(1199, { 'host.cpu': 0.5 })])
    expect(early.rows.size).toBe(0)
    const foreign = run([web.define([]), web.samples(100, { 'host.cpu': 0.5 }), other.samples(5000, {}, 100)])
    expect(foreign.rows.size).toBe(0)
    const due = run([web.define([]), web.samples(100, { 'host.cpu': 0.5 }), web.samples(1200, { 'host.cpu': 0.7 })])
    expect(due.rows.get('0 host:web-1')).toMatchObject({ cpuShare: 0.5 })
  })

  test('wait for the slower of samples and snapshots', () => {
    const events = [
      web.define([]),
      web.frame(100),
      web.samples(100, { 'host.cpu': 0.5 }),
      web.samples(5100, { 'host.cpu': 1 }, 300),
    ]
    expect(run(events).rows.size).toBe(0)
    expect(run([...events, web.frame(1250, { storedAtMs: 301 })]).rows.size).toBe(1)
  })

  test('close by ticks when the host is silent, and what comes for later seconds still counts', () => {
    const events = [web.define([]), web.samples(100, { 'host.cpu': 0.5 }), tick(2000)]
    expect(run(events).rows.size).toBe(0)
    const silent = [...events, tick(2100), tick(60_000)]
    expect([...run(silent).rows.keys()]).toEqual(['0 host:web-1'])
    // An agent that was cut off sends what it has kept.
    const { rows, outcomes } = run([
      ...silent,
      web.samples(1100, { 'host.cpu': 0.6 }, 60_001),
      web.samples(2100, { 'host.cpu': 0.6 }, 60_002),
      web.samples(3300, { 'host.cpu': 0.6 }, 60_003),
    ])
    expect([...rows.keys()]).toEqual(['0 host:web-1', '1 host:web-1', '2 host:web-1'])
    expect(total(outcomes, ({ lateSamples }) => lateSamples)).toBe(0)
  })

  test('take the mean of several samples, and count late ones without applying them', () => {
    const { rows, outcomes } = run([
      web.define([]),
      web.samples(100, { 'host.cpu': 0.2 }),
      web.samples(600, { 'host.cpu': 0.4 }),
      web.samples(2000, { 'host.cpu': 1 }),
      web.samples(700, { 'host.cpu': 99 }, 2000),
    ])
    expect(rows.get('0 host:web-1')!.cpuShare).toBeCloseTo(0.3)
    expect(total(outcomes, ({ lateSamples }) => lateSamples)).toBe(1)
  })

  test('a second that the data has left behind stays closed even if it was empty', () => {
    const { outcomes } = run([
      web.define([]),
      web.samples(9900, { 'host.cpu': 1 }),
      web.samples(5000, { 'host.cpu': 1 }, 9900),
    ])
    expect(total(outcomes, ({ lateSamples }) => lateSamples)).toBe(1)
  })

  test('samples wait for a definition that comes a moment later', () => {
    const { rows } = run([web.samples(100, { 'host.cpu': 0.5 }), web.define([]), web.samples(1300, { 'host.cpu': 1 })])
    expect(rows.get('0 host:web-1')).toMatchObject({ cpuShare: 0.5 })
  })
})

describe('KPIs of a host', () => {
  test('follow the table of the design', () => {
    const values = {
      'host.cpu': 0.25,
      'host.memoryUsed': 4e9,
      'host.memoryLimit': 16e9,
      'host.diskRead': 10,
      'host.diskWrite': 20,
      'host.diskBusy': 0.125,
      'host.networkReceive': 30,
      'host.networkTransmit': 40,
      'host.processes': 200,
      'host.uptime': 3600,
    }
    const { rows } = run([
      web.define([]),
      web.frame(100, { keyFrame: true, facts: { logicalCpus: 8, memoryBytes: 32e9 } }),
      web.samples(100, values),
      tick(9000),
    ])
    expect(rows.get('0 host:web-1')).toEqual({
      executionTimeMs: 3_600_000,
      successRate: Number.NaN,
      errorRate: Number.NaN,
      throughputPerSecond: Number.NaN,
      cpuCores: 2,
      memoryBytes: 4e9,
      readBytesPerSecond: 10,
      writeBytesPerSecond: 20,
      networkReceiveBytesPerSecond: 30,
      networkTransmitBytesPerSecond: 40,
      cpuShare: 0.25,
      memoryShare: 0.25,
      ioShare: 0.125,
      networkShare: Number.NaN,
      endedTimeMs: Number.NaN,
      instances: 200,
    })
  })

  test('uptime comes from the boot time when the agent sends none', () => {
    const facts = { bootTimeMs: START_MS - 9000 }
    const { rows } = run([
      web.define([]),
      web.frame(0, { facts }),
      web.samples(0, { 'host.load1': 1, 'host.cpu': 0 }),
      tick(9000),
    ])
    expect(rows.get('0 host:web-1')).toMatchObject({ executionTimeMs: 10_000 })
  })
})

describe('KPIs of a group', () => {
  const nginx = '0 os:web-1:nginx'

  test('resources, and their shares of the cgroup where there is one, else of the host', () => {
    const facts = { logicalCpus: 4, memoryBytes: 8e9 }
    const values = { 'nginx.cpu': 1, 'nginx.memory': 2e9, 'nginx.read': 5, 'nginx.write': 6, 'nginx.instances': 3 }
    const base = [web.define(['nginx']), web.frame(0, { facts })]
    expect(run([...base, web.samples(0, values), tick(9000)]).rows.get(nginx)).toMatchObject({
      cpuCores: 1,
      cpuShare: 0.25,
      memoryShare: 0.25,
      readBytesPerSecond: 5,
      writeBytesPerSecond: 6,
      instances: 3,
      ioShare: Number.NaN,
    })
    const limited = { ...values, 'nginx.cpuLimit': 2, 'nginx.memoryLimit': 1e9 }
    const { rows } = run([...base, web.samples(0, limited), tick(9000)])
    expect(rows.get(nginx)).toMatchObject({ cpuShare: 0.5, memoryShare: 1 })
  })

  test('execution time is the age of the oldest, and the median lifetime in a second with ends', () => {
    const { rows } = run([
      web.define(['nginx']),
      web.frame(0, {
        keyFrame: true,
        started: [
          [1, -5000, 'nginx'],
          [2, -1000, 'nginx'],
          [3, -500, 'nginx'],
        ],
      }),
      web.samples(0, { 'nginx.cpu': 1 }),
      web.frame(1000, {
        ended: [
          [2, -1000],
          [3, -500],
        ],
      }),
      web.samples(1000, { 'nginx.cpu': 1 }),
      tick(9000),
    ])
    expect(rows.get(nginx)).toMatchObject({ executionTimeMs: 6000, throughputPerSecond: 0, errorRate: Number.NaN })
    expect(rows.get('1 os:web-1:nginx')).toMatchObject({ executionTimeMs: 1750, successRate: 1, errorRate: 0 })
  })

  test('throughput counts what begins while the agent looks', () => {
    const { rows } = run([
      web.define(['job']),
      web.frame(0, { keyFrame: true, started: [[1, -90_000, 'job']] }),
      web.frame(1000, {
        started: [
          [2, 600, 'job'],
          [3, 700, 'job'],
        ],
      }),
      // An exec tells the identity again: not a start.
      web.frame(2000, { started: [[2, 600, 'job']] }),
      // A key frame repeats everybody.
      web.frame(3000, {
        keyFrame: true,
        started: [
          [1, -90_000, 'job'],
          [2, 600, 'job'],
          [3, 700, 'job'],
          [4, 2500, 'job'],
        ],
      }),
      web.samples(3000, { 'job.cpu': 0 }),
      tick(9000),
    ])
    expect(rows.has('0 os:web-1:job')).toBe(false)
    expect(rows.get('1 os:web-1:job')).toMatchObject({ throughputPerSecond: 2 })
    expect(rows.has('2 os:web-1:job')).toBe(false)
    expect(rows.get('3 os:web-1:job')).toMatchObject({ throughputPerSecond: 1, instances: 4 })
  })
})

describe('ends of a group', () => {
  const end = (kind: EndKind) => [
    web.frame(0, { keyFrame: true, started: [[1, -500, 'job']] }),
    web.frame(1000, { ended: [[1, -500, kind]] }),
    tick(9000),
  ]

  test.each([
    ['seen to succeed', EndKind.SUCCESS, 1, 0],
    ['seen to fail', EndKind.FAILURE, 0, 1],
    ['of a short-lived group, unseen', EndKind.UNSPECIFIED, 1, 0],
  ])('%s', (_, kind, successRate, errorRate) => {
    expect(run(end(kind)).rows.get('1 os:web-1:job')).toMatchObject({ successRate, errorRate })
  })

  const service = [web.frame(0, { keyFrame: true, started: [[1, -90_000, 'db']] })]
  test('a service that dies and comes back within seconds did not mean to', () => {
    const { rows } = run([
      ...service,
      web.frame(1000, { ended: [[1, -90_000]] }),
      web.frame(3000, { started: [[2, 2800, 'db']] }),
      tick(9000),
    ])
    expect(rows.get('1 os:web-1:db')).toMatchObject({ successRate: Number.NaN, errorRate: Number.NaN })
    expect(rows.get('3 os:web-1:db')).toMatchObject({ successRate: 0, errorRate: 1 })
  })

  test('also within one frame, and again and again', () => {
    const { rows } = run([
      ...service,
      web.frame(1000, { ended: [[1, -90_000]], started: [[2, 900, 'db']] }),
      web.frame(2000, { ended: [[2, 900]] }),
      web.frame(3000, { started: [[3, 2900, 'db']] }),
      tick(9000),
    ])
    expect(rows.get('1 os:web-1:db')).toMatchObject({ errorRate: 1 })
    expect(rows.get('3 os:web-1:db')).toMatchObject({ errorRate: 1 })
  })

  test('a service that stays away was stopped, which is known after ten seconds', () => {
    const { rows } = run([...service, web.frame(1000, { ended: [[1, -90_000]] }), web.frame(12_000), tick(19_000)])
    expect(rows.get('12 os:web-1:db')).toMatchObject({ successRate: 1, errorRate: 0 })
  })

  test('a worker that is replaced while others live is no restart', () => {
    const { rows } = run([
      web.frame(0, {
        keyFrame: true,
        started: [
          [1, -90_000, 'db'],
          [2, -90_000, 'db'],
        ],
      }),
      web.frame(1000, { ended: [[2, -90_000]], started: [[3, 900, 'db']] }),
      tick(9000),
    ])
    expect(rows.get('1 os:web-1:db')).toMatchObject({ successRate: 1, errorRate: 0 })
  })

  test('the end of another instance with the same pid is not ours', () => {
    const { rows } = run([...service, web.frame(1000, { ended: [[1, -4000]] }), tick(9000)])
    expect(rows.has('1 os:web-1:db')).toBe(false)
  })
})

describe('bounds', () => {
  test.each([
    ['hosts', { hostsMax: 1 }, [web.samples(0, {}), hostEvents('web-2').samples(0, {})]],
    ['groups', { groupsMax: 2 }, [web.define(['a', 'b']), web.samples(0, { 'a.cpu': 1, 'b.cpu': 1 })]],
    ['series', { seriesMax: 3 }, [web.define(['a'])]],
    ['waiting', { waitingMax: 3 }, [web.samples(0, { 'a.cpu': 1, 'a.read': 1, 'a.write': 1, 'a.memory': 1 })]],
    [
      'buckets',
      { bucketsMax: 2 },
      [web.define([]), web.frame(0), ...[0, 1, 2].map((s) => web.samples(s * 1000, { 'host.cpu': 1 }))],
    ],
  ] as const)('%s beyond the bound are counted', (bound, changes, events) => {
    const { outcomes } = run(events, { ...defaultStepConfig, ...changes })
    expect(total(outcomes, ({ dropped }) => dropped[bound])).toBeGreaterThan(0)
  })

  test('series that are passed over take no room from those that are not', () => {
    const { series, ...rest } = web.define(['a']) as Extract<AnalyzerEvent, { kind: 'series' }>
    const feeding = series.filter((each) => columnOf(each) !== passedOver)
    const part = { process: web.process, metric: hostMetrics.diskRead.name, attributes: '{"a":"b"}' }
    const idle = feeding.map((each) => ({ ...each, ...part, id: each.id + 1n }))
    const config = { ...defaultStepConfig, seriesMax: feeding.length }
    const { outcomes } = run(
      [
        { ...rest, series: idle },
        { ...rest, series: feeding },
      ],
      config,
    )
    expect(total(outcomes, ({ dropped }) => dropped.series)).toBe(0)
  })

  test('series without a sample for an hour make room, others do not, and KPIs go on', () => {
    const size = run([web.define([])]).partition.index.feeding
    const perGroup = run([web.define(['a'])]).partition.index.feeding - size
    const config = { ...defaultStepConfig, seriesMax: size + 2 * perGroup }
    const { outcomes, partition, rows } = run(
      [
        tick(0),
        web.define(['a', 'b']),
        web.samples(1000, { 'host.cpu': 0.5, 'a.cpu': 1, 'b.cpu': 1 }),
        web.define(['c']),
        web.samples(3_700_000, { 'host.cpu': 0.5, 'b.cpu': 1 }),
        web.define(['c']),
        web.samples(3_700_500, { 'b.cpu': 1, 'c.cpu': 2 }),
        web.samples(3_702_000, { 'host.cpu': 0.5, 'b.cpu': 1 }),
      ],
      config,
    )
    expect(outcomes.map(({ dropped }) => dropped.series > 0)).toEqual(outcomes.map((_, at) => at === 3))
    expect(total(outcomes, ({ forgottenSeries }) => forgottenSeries)).toBeGreaterThan(perGroup)
    expect(partition.index.feeding).toBeLessThanOrEqual(config.seriesMax)
    expect(rows.get('3700 os:web-1:c')).toMatchObject({ cpuCores: 2 })
    expect(rows.get('3700 os:web-1:b')).toMatchObject({ cpuCores: 1 })
    expect(partition.state.series.names).not.toContain('os:web-1:a')
  })

  test('a host that has been silent for an hour makes room', () => {
    const later = hostEvents('web-2').samples(3_600_000, {})
    const { outcomes, partition } = run([web.samples(0, {}), later], { ...defaultStepConfig, hostsMax: 1 })
    expect(total(outcomes, ({ dropped }) => dropped.hosts)).toBe(0)
    expect([...partition.state.hosts.keys()]).toEqual(['default/host:web-2'])
  })

  test('a group idle for ten minutes gives its slot away and gets another when it returns', () => {
    const config = { ...defaultStepConfig, groupsMax: 2 }
    const { rows } = run(
      [
        web.define(['a', 'b']),
        web.samples(0, { 'a.cpu': 1 }),
        web.samples(700_000, { 'host.cpu': 1 }),
        web.samples(701_500, { 'b.cpu': 2 }),
        web.samples(1_500_000, { 'host.cpu': 1 }),
        web.samples(1_501_500, { 'a.cpu': 3 }),
        tick(1_600_000),
      ],
      config,
    )
    expect(rows.get('701 os:web-1:b')).toMatchObject({ cpuCores: 2 })
    expect(rows.get('1501 os:web-1:a')).toMatchObject({ cpuCores: 3 })
  })
})
