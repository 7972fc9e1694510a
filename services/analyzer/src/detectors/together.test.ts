import { fromBinary } from '@bufbuild/protobuf'
import { type Anomaly, AnomalyPhase, AnomalySchema, EndKind, Severity, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, step } from '../step.ts'
import { deviceEvents, hostEvents, START_MS, tick } from '../testing/events.ts'

/** Types of this folder that go by limits and rules, not by a baseline. */
const TYPES = new Set(['resource_exhaustion', 'missing_data', 'process_death', 'restart_loop', 'flapping'])
const web = hostEvents('web-1')
const facts = { logicalCpus: 4, memoryBytes: 8e9, bootTimeMs: START_MS - 86_400_000 }

/** What all detectors together say, each record with the second of event time in which it was made. */
function anomaliesOf(events: Iterable<AnalyzerEvent>): { second: number; anomaly: Anomaly }[] {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const found: { second: number; anomaly: Anomaly }[] = []
  for (const event of events) {
    const { detection } = step(defaultStepConfig, partition, event)
    expect(detection.failures).toEqual([])
    for (const { topic, value } of detection.records) {
      if (topic !== topics.anomalies.name) continue
      const anomaly = fromBinary(AnomalySchema, value)
      if (TYPES.has(anomaly.type)) found.push({ second: (Number(anomaly.timeMs) - START_MS) / 1000, anomaly })
    }
  }
  return found
}

test('a process that burns every core is an anomaly of itself and of its host within 15 s, and over within 30 s', () => {
  const burning = (second: number): boolean => second >= 60 && second < 100
  const events = [web.define(['burn']), web.frame(0, { keyFrame: true, facts, started: [[7, -1000, 'burn']] })]
  for (let second = 1; second < 150; second++) {
    const values = { 'host.cpu': burning(second) ? 1 : 0.1, 'burn.cpu': burning(second) ? 3.96 : 0.01 }
    events.push(web.samples(second * 1000 + 300, values), web.frame(second * 1000 + 350))
  }
  const found = anomaliesOf(events)
  for (const process of ['host:web-1', 'os:web-1:burn']) {
    const own = found.filter(({ anomaly }) => anomaly.process === process && anomaly.type === 'resource_exhaustion')
    const [opened] = own
    expect(opened!.anomaly).toMatchObject({
      phase: AnomalyPhase.OPENED,
      metric: 'cpu_share',
      severity: Severity.WARNING,
    })
    expect(opened!.second).toBeLessThanOrEqual(75)
    expect(Number(opened!.anomaly.startTimeMs)).toBe(START_MS + 60_000)
    expect(own.some(({ anomaly }) => anomaly.severity === Severity.CRITICAL)).toBe(true)
    expect(own.at(-1)!.anomaly.phase).toBe(AnomalyPhase.CLOSED)
    expect(own.at(-1)!.second).toBeLessThanOrEqual(130)
  }
  const burn = found.find(({ anomaly }) => anomaly.process === 'os:web-1:burn')!.anomaly
  expect(burn.description).toMatch(/^CPU of burn on web-1 is at 99 % of its limit, since /)
})

test('a machine that builds says nothing', () => {
  const events = [web.define(['cc1', 'sh', 'make'])]
  events.push(web.frame(0, { keyFrame: true, facts, started: [[10, -5000, 'make']] }))
  for (let second = 1; second < 900; second++) {
    const isSpike = second % 20 < 2
    events.push(web.samples(second * 1000 + 300, { 'host.cpu': isSpike ? 1 : 0.5, 'cc1.cpu': isSpike ? 3.9 : 1.9 }))
    const pid = 1000 + second * 2
    const ended =
      second === 1
        ? []
        : ([
            [pid - 2, (second - 1) * 1000, EndKind.SUCCESS],
            [pid - 1, (second - 1) * 1000, second % 3 === 0 ? EndKind.FAILURE : EndKind.UNSPECIFIED],
          ] as const)
    const started = [
      [pid, second * 1000, 'cc1'],
      [pid + 1, second * 1000, 'sh'],
    ] as const
    events.push(web.frame(second * 1000 + 350, { ended, started }))
  }
  expect(anomaliesOf(events)).toEqual([])
})

test('a server that is gone for good is a death, one that comes back again and again a loop', () => {
  const events = [web.define(['db', 'app'])]
  events.push(
    web.frame(0, {
      keyFrame: true,
      facts,
      started: [
        [1, -1000, 'db'],
        [2, -1000, 'app'],
      ],
    }),
  )
  for (let second = 1; second < 400; second++) {
    events.push(
      web.samples(second * 1000 + 300, { 'host.cpu': 0.1, 'app.cpu': 0.1, 'db.cpu': second < 300 ? 0.1 : Number.NaN }),
    )
    const turn = Math.floor((second - 200) / 20)
    const restarts = turn >= 0 && turn < 5 && second % 20 === 0
    const startedMs = turn === 0 ? -1000 : (200 + (turn - 1) * 20) * 1000
    events.push(
      web.frame(second * 1000 + 350, {
        ended: [
          ...(second === 300 ? ([[1, -1000, EndKind.FAILURE]] as const) : []),
          ...(restarts ? ([[2 + turn, startedMs, EndKind.FAILURE]] as const) : []),
        ],
        started: restarts ? [[3 + turn, second * 1000, 'app']] : [],
      }),
    )
  }
  const opened = anomaliesOf(events).filter(({ anomaly }) => anomaly.phase === AnomalyPhase.OPENED)
  expect(opened.map(({ anomaly }) => [anomaly.type, anomaly.process])).toEqual([
    ['restart_loop', 'os:web-1:app'],
    ['process_death', 'os:web-1:db'],
  ])
  expect(opened[0]!.anomaly.description).toMatch(/^app on web-1 keeps restarting: 3 restarts within 10 min, since /)
  expect(opened[1]!.anomaly.description).toMatch(
    /^db on web-1 is gone: its last instance failed, after it had run for 5 min 1 s, since /,
  )
  expect(opened[1]!.second).toBeLessThanOrEqual(315)
})

test('a device that stops is missed as time passes, and a host that stops is missed once, not its groups', () => {
  const press = deviceEvents('press-3')
  const events = [press.definition, web.define(['nginx'])]
  for (let second = 1; second < 300; second++) {
    if (second < 200) {
      events.push(press.samples(second * 1000 + 300, { level: 20 + (second % 3) }))
      events.push(web.samples(second * 1000 + 300, { 'host.cpu': 0.1, 'nginx.cpu': 0.1 }))
    }
    events.push(tick(second * 1000 + 500))
  }
  const found = anomaliesOf(events)
  expect(
    found.filter(({ anomaly }) => anomaly.phase === AnomalyPhase.OPENED).map(({ anomaly }) => anomaly.process),
  ).toEqual(expect.arrayContaining(['device:plant:press-3', 'host:web-1']))
  expect(new Set(found.map(({ anomaly }) => anomaly.id)).size).toBe(2)
  expect(found[0]!.second).toBeLessThan(240)
  expect(found.map(({ anomaly }) => anomaly.description)).toContainEqual(
    expect.stringMatching(/^press-3 at plant has sent nothing for 3\d s; it usually sends every 1 s, since /),
  )
})
