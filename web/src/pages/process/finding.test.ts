import { expect, it } from 'vitest'
import type { ChartSeries } from '../../charts/series.ts'
import { type FindingInput, findingOf, trendOf } from './finding.ts'

const HOUR = 3_600_000
const now = Date.UTC(2026, 4, 4, 12)
const MiB = 1024 * 1024

const series = (values: number[], spanMs = HOUR): ChartSeries => ({
  times: values.map((_, i) => now - spanMs + (i * spanMs) / (values.length - 1)),
  values,
  low: null,
  high: null,
  stepMs: spanMs / (values.length - 1),
  resolution: 'raw',
})

const flat = (value: number, spanMs = HOUR) =>
  series(
    Array.from({ length: 60 }, () => value),
    spanMs,
  )
const ramp = (from: number, to: number) => series(Array.from({ length: 60 }, (_, i) => from + ((to - from) * i) / 59))

const input = (extra: Partial<FindingInput>): FindingInput => ({
  name: 'nginx',
  isHost: false,
  cpu: flat(0.12),
  memory: flat(44 * MiB),
  instances: 4,
  rangeMs: HOUR,
  lastSeenMs: now,
  atMs: now,
  ...extra,
})

const said = (extra: Partial<FindingInput>) =>
  findingOf(input(extra))
    .map((phrase) => phrase.text)
    .join('')

it.each([
  ['steady', {}, 'nginx uses 12 % of one core and 44 MiB in 4 instances, steady over the last hour.'],
  [
    'growing',
    { memory: ramp(1000 * MiB, 1600 * MiB) },
    'nginx uses 12 % of one core and 1.56 GiB in 4 instances; memory grew by 600 MiB/h over the last hour.',
  ],
  [
    'busier',
    { cpu: ramp(0.02, 0.5), instances: 1 },
    'nginx uses 50 % of one core and 44 MiB in 1 instance; CPU rose from 7.7 % to 44.3 % over the last hour.',
  ],
  ['many cores', { cpu: flat(3.2) }, 'nginx uses 3.2 cores and 44 MiB in 4 instances, steady over the last hour.'],
  [
    'a lively process',
    { cpu: series(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 0.02 : 0.4))) },
    'nginx uses 40 % of one core and 44 MiB in 4 instances, CPU between 2 % and 40 % over the last hour.',
  ],
  [
    'threads of the kernel',
    { memory: flat(0) },
    'nginx uses 12 % of one core in 4 instances, steady over the last hour.',
  ],
  [
    'a short record',
    { cpu: flat(0.12, 300_000), memory: flat(44 * MiB, 300_000) },
    'nginx uses 12 % of one core and 44 MiB in 4 instances, steady over the 5 min that are recorded.',
  ],
  [
    'a host',
    { name: 'web-1', isHost: true, cpu: flat(0.464), instances: 214 },
    'web-1 uses 46.4 % of its CPUs and 44 MiB, steady over the last hour.',
  ],
  ['silence', { lastSeenMs: now - 12 * 60_000 }, 'nginx was last heard 12 min ago.'],
  [
    'no instance',
    { instances: 0, lastSeenMs: now - 180_000 },
    'No instance of nginx is running; the last was heard 3 min ago.',
  ],
  ['nothing at all', { cpu: null, memory: null, lastSeenMs: null }, 'Nothing was heard of nginx in this time.'],
  [
    'too few points for a trend',
    { cpu: series([0.1, 0.1]), memory: series([MiB, 2 * MiB]) },
    'nginx uses 10 % of one core and 2 MiB in 4 instances.',
  ],
])('says %s', (_name, extra, sentence) => {
  expect(said(extra)).toBe(sentence)
})

it('makes no trend out of noise', () => {
  expect(trendOf(series([1, 1.05, 0.98, 1, 1.02, 1, 1.04, 1.05, 1.06]), 0.01)?.kind).toBe('steady')
  expect(trendOf(flat(0), 0.01)?.kind).toBe('steady')
  expect(trendOf(null, 0.01)).toBeNull()
})
