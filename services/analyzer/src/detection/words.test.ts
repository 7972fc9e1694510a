import { kpiNumber, kpis, Severity } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DescribedAnomaly, describe as describeAnomaly, processInWords } from './words.ts'

const START = Date.UTC(2026, 0, 6, 14, 2, 10)

function anomaly(fields: Partial<DescribedAnomaly>): DescribedAnomaly {
  const kpi = kpiNumber(fields.metric ?? '')
  return {
    type: 'performance_degradation',
    process: 'os:web-1:nginx',
    metric: '',
    kpi,
    unit: kpis[kpi]?.unit ?? '',
    value: Number.NaN,
    expectedLow: Number.NaN,
    expectedHigh: Number.NaN,
    centre: Number.NaN,
    score: 0,
    severity: Severity.WARNING,
    startMs: START,
    endMs: Number.NaN,
    atMs: START + 12_000,
    hasSeason: false,
    ...fields,
  }
}

const over = { endMs: START + 242_000, atMs: START + 254_000 }

test.each<[string, Partial<DescribedAnomaly>]>([
  [
    'CPU of nginx on web-1 is 370 %, 4.1 times what is usual on a Tuesday at 14:00 (90 %), since 14:02:10 UTC',
    { metric: 'cpu', value: 3.7, centre: 0.9, hasSeason: true },
  ],
  [
    'CPU of nginx on web-1 is 370 %, 4.1 times what is usual (90 %), since 14:02:10 UTC',
    { metric: 'cpu', value: 3.7, centre: 0.9 },
  ],
  [
    'CPU of nginx on web-1 was 390 %, 4.3 times what is usual (90 %), from 14:02:10 UTC; lasted 4 min 2 s',
    { metric: 'cpu', value: 0.92, worstValue: 3.9, centre: 0.9, ...over },
  ],
  [
    'CPU of nginx on web-1 was 370 %, 4.1 times what is usual (90 %), from 14:02:10 UTC; lasted 1 h and is the new normal',
    { metric: 'cpu', value: 3.7, centre: 0.9, endMs: START + 3_600_000, atMs: START + 3_600_000, isLearnt: true },
  ],
  [
    'CPU of host web-1 is 190 %, 1.9 times what is usual (100 %), since 2026-01-06 14:02:10 UTC',
    { process: 'host:web-1', metric: 'cpu', value: 1.9, centre: 1, atMs: START + 86_400_000 },
  ],
  [
    'Memory of db on web-1 is 3.41 GiB, 2.3 times what is usual (1.5 GiB), since 14:02:10 UTC',
    { process: 'os:web-1:db', metric: 'memory', value: 3.41 * 2 ** 30, centre: 1.5 * 2 ** 30 },
  ],
  [
    'Disk write of nginx on web-1 is 4.2 MB/s, 88 times what is usual (48 KB/s), since 14:02:10 UTC',
    { metric: 'disk_write', value: 4_200_000, centre: 48_000 },
  ],
  [
    'Disk write of nginx on web-1 is 48 MB/s, far above what is usual (2 KB/s), since 14:02:10 UTC',
    { metric: 'disk_write', value: 48_000_000, centre: 2000 },
  ],
  [
    'Disk read of nginx on web-1 is 5 MB/s, usually 0, since 14:02:10 UTC',
    { metric: 'disk_read', value: 5e6, centre: 0.1 },
  ],
  [
    'Throughput of service shop is 3 /s, a quarter of what is usual (12 /s), since 14:02:10 UTC',
    { process: 'service:shop', metric: 'throughput', value: 3, centre: 12 },
  ],
  [
    'Throughput of log payments is 30 /min, 42 % of what is usual (1.2 /s), since 14:02:10 UTC',
    { process: 'log:payments', metric: 'throughput', value: 0.5, centre: 1.2 },
  ],
  [
    'Throughput of service shop is 0 /s, far below what is usual (12 /s), since 14:02:10 UTC',
    { process: 'service:shop', metric: 'throughput', value: 0, centre: 12 },
  ],
  [
    'Throughput of service shop is 12 /s, usually 0 on a Tuesday at 14:00, since 14:02:10 UTC',
    { process: 'service:shop', metric: 'throughput', value: 12, centre: 0, hasSeason: true },
  ],
  [
    'Execution time of flow invoice-to-cash is 5.18 s, 24 times what is usual (212 ms), since 14:02:10 UTC',
    { process: 'flow:invoice-to-cash', metric: 'execution_time', value: 5180, centre: 212 },
  ],
  [
    'Success rate of flow invoice-to-cash is 80 %, below what is usual (99.5 %), since 14:02:10 UTC',
    { process: 'flow:invoice-to-cash', metric: 'success_rate', value: 0.8, centre: 0.995 },
  ],
  [
    'Error rate of log payments is 12 %, 6 times what is usual (2 %), since 14:02:10 UTC',
    { type: 'error_spike', process: 'log:payments', metric: 'error_rate', value: 0.12, centre: 0.02 },
  ],
  [
    'Error rate of log payments is 12 %, usually 0, since 14:02:10 UTC',
    { type: 'error_spike', process: 'log:payments', metric: 'error_rate', value: 0.12, centre: 0 },
  ],
  [
    'Instances of nginx on web-1 are 12, 3 times what is usual (4), since 14:02:10 UTC',
    { metric: 'instances', value: 12, centre: 4 },
  ],
  [
    'temperature (zone 2) of press-3 at plant-a is 91.5 °C, above what is usual (62 °C), since 14:02:10 UTC',
    {
      type: 'level',
      process: 'device:plant-a:press-3',
      metric: 'temperature',
      attributes: '{"zone":"2"}',
      unit: 'Cel',
      value: 91.5,
      centre: 62,
    },
  ],
  [
    'temperature of press-3 at plant-a is 91 °C, expected 60 °C to 64 °C, since 14:02:10 UTC',
    {
      type: 'streaming',
      process: 'device:plant-a:press-3',
      metric: 'temperature',
      unit: 'Cel',
      value: 91,
      expectedLow: 60,
      expectedHigh: 64,
      centre: 62,
    },
  ],
  [
    'queue.depth of service shop is 120,000 messages, which does not go on as it was, since 14:02:10 UTC',
    { type: 'streaming', process: 'service:shop', metric: 'queue.depth', unit: '{message}', value: 120_000 },
  ],
  [
    'Memory of db on web-1 is at 92 % of its limit (8 GiB), which it reaches in 3 h 10 min, since 14:02:10 UTC',
    {
      type: 'resource_exhaustion',
      process: 'os:web-1:db',
      metric: 'memory_share',
      value: 0.92,
      words: '8 GiB',
      exhaustedAtMs: START + 12_000 + 11_400_000,
    },
  ],
  [
    'CPU of host web-1 is at 100 % of its limit, since 14:02:10 UTC',
    { type: 'resource_exhaustion', process: 'host:web-1', metric: 'cpu_share', value: 1 },
  ],
  [
    "CPU of burner on vm is 150 %, 75 % of the host's, which is at its limit, since 14:02:10 UTC",
    {
      type: 'resource_exhaustion',
      process: 'os:vm:burner',
      metric: 'cpu_share',
      value: 0.75,
      words: "150 %, 75 % of the host's, which is at its limit",
    },
  ],
  [
    'Memory of db on web-1 was at 97 % of its limit, from 14:02:10 UTC; lasted 4 min 2 s',
    {
      type: 'resource_exhaustion',
      process: 'os:web-1:db',
      metric: 'memory_share',
      value: 0.6,
      worstValue: 0.97,
      exhaustedAtMs: START + 1e9,
      ...over,
    },
  ],
  [
    'temperature of press-3 at plant-a is 93 °C, above the limit of 90 °C, since 14:02:10 UTC',
    {
      type: 'threshold',
      process: 'device:plant-a:press-3',
      metric: 'temperature',
      unit: 'Cel',
      value: 93,
      expectedHigh: 90,
      rule: 'above 90',
    },
  ],
  [
    'Throughput of log payments is 0 /s, below the limit of 30 /min, since 14:02:10 UTC',
    { type: 'threshold', process: 'log:payments', metric: 'throughput', value: 0, expectedLow: 0.5 },
  ],
  [
    'flow invoice-to-cash: large payment: amount > 100000 is true: amount is 120,000, since 14:02:10 UTC',
    {
      type: 'expression',
      process: 'flow:invoice-to-cash',
      rule: 'large payment',
      words: 'amount > 100000 is true: amount is 120,000',
    },
  ],
  [
    'log payments: amount > 100000 is true, since 14:02:10 UTC',
    { type: 'expression', process: 'log:payments', rule: 'amount > 100000' },
  ],
  [
    'press-3 at plant-a has sent nothing for 35 s; it usually sends every 1 s, since 14:02:10 UTC',
    { type: 'missing_data', process: 'device:plant-a:press-3', value: 35, unit: 's', centre: 1 },
  ],
  [
    'press-3 at plant-a sent nothing for 4 min 2 s; it usually sends every 250 ms, from 14:02:10 UTC; lasted 4 min 2 s',
    { type: 'missing_data', process: 'device:plant-a:press-3', value: 35, unit: 's', centre: 0.25, ...over },
  ],
  [
    'nginx on web-1 is gone: its last instance was killed, since 14:02:10 UTC',
    { type: 'process_death', words: 'its last instance was killed' },
  ],
  [
    'nginx on web-1 keeps restarting: 3 restarts within 10 min, since 14:02:10 UTC',
    { type: 'restart_loop', words: '3 restarts within 10 min' },
  ],
  [
    'temperature of press-3 at plant-a goes back and forth: 9 changes within 5 min, since 14:02:10 UTC',
    { type: 'flapping', process: 'device:plant-a:press-3', metric: 'temperature', words: '9 changes within 5 min' },
  ],
  [
    'KPIs of nginx on web-1 are unusual together: mostly memory (62 %) and network transmit (25 %), since 14:02:10 UTC',
    {
      type: 'isolation_forest',
      contributions: [
        { metric: 'memory', share: 0.62 },
        { metric: 'network_transmit', share: 0.25 },
        { metric: 'cpu', share: 0.04 },
      ],
    },
  ],
  [
    'KPIs of nginx on web-1 were unusual together, from 14:02:10 UTC; lasted 4 min 2 s',
    { type: 'isolation_forest', ...over },
  ],
])('%s', (text, fields) => {
  expect(describeAnomaly(anomaly(fields))).toBe(text)
})

test.each([
  ['os:web-1:nginx', 'nginx on web-1'],
  ['os:web-1:my~20job', 'my job on web-1'],
  ['host:web-1', 'host web-1'],
  ['device:plant-a:press-3', 'press-3 at plant-a'],
  ['device:press-3', 'press-3'],
  ['log:payments', 'log payments'],
  ['flow:invoice-to-cash', 'flow invoice-to-cash'],
  ['strange', 'strange'],
])('%s is called %s', (id, name) => {
  expect(processInWords(id)).toBe(name)
})

const types = [
  'performance_degradation',
  'error_spike',
  'level',
  'streaming',
  'resource_exhaustion',
  'threshold',
  'expression',
]
const moreTypes = ['missing_data', 'process_death', 'restart_loop', 'flapping', 'isolation_forest', 'from_the_future']
const units = ['1', 'By', 'By/s', '{cpu}', '/s', '{run}/s', 'ms', 's', 'Cel', '', '{}', 'm/s{ground}', '{{']

test('whatever an anomaly holds, it is one line of words without NaN or undefined', () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, 1e300, -1e300, 5e-324))
  const fields = fc.record({
    type: fc.constantFrom(...types, ...moreTypes),
    process: fc.string(),
    metric: fc.constantFrom('', 'cpu', 'memory_share', 'temperature', 'instances'),
    attributes: fc.constantFrom('', '{}', '{"a":1}', 'broken', 'null'),
    kpi: fc.integer({ min: -1, max: kpis.length }),
    unit: fc.constantFrom(...units),
    value: number,
    worstValue: number,
    centre: number,
    expectedLow: number,
    expectedHigh: number,
    exhaustedAtMs: number,
    startMs: number,
    endMs: number,
    atMs: number,
    hasSeason: fc.boolean(),
    isLearnt: fc.boolean(),
  })
  fc.assert(
    fc.property(fields, (some) => {
      const text = describeAnomaly(anomaly({ ...some, process: 'os:web-1:nginx' }))
      expect(text).not.toMatch(/NaN|undefined|Infinity|null|\n/)
      expect(text.length).toBeLessThan(400)
      expect(typeof describeAnomaly(anomaly(some))).toBe('string')
    }),
    { numRuns: 2000 },
  )
})
