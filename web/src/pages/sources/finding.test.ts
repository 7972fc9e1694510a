import { expect, it } from 'vitest'
import type { MqttDefinition, SourceDetail, SourceInstance } from '../../api/source-types.ts'
import { createFormat } from '../../format.ts'
import { emptyMapping } from './defaults.ts'
import { findingOfSource, processesLike, processesOf } from './finding.ts'

const format = createFormat('en-GB', 'UTC')
const mappings = [{ ...emptyMapping('acme/{site}/press/{machine}/telemetry') }]
const broker = { broker: { url: 'embedded' }, mappings } as unknown as MqttDefinition
const part = (name: string, failed = false) => ({ name, perSecond: 1, last: null, detail: '', failed })
const instance = (more: Partial<SourceInstance>) =>
  ({ stale: false, unmapped: [], rows: 0, parts: [], ...more }) as unknown as SourceInstance
const detail = (more: Partial<SourceDetail>) =>
  ({
    kind: 'mqtt',
    status: 'ok',
    message: '',
    active: true,
    definition: broker,
    definitionProblems: [],
    eventsPerSecond: 2060,
    samplesPerSecond: 9800,
    series: 212,
    unmapped: 0,
    limitExceeded: null,
    lastEvent: '2026-05-04T08:00:00.000Z',
    instances: [],
    ...more,
  }) as unknown as SourceDetail
const say = (more: Partial<SourceDetail>) => {
  const { say: first, more: second } = findingOfSource(detail(more), format)
  return second ? `${first} ${second}` : first
}
const presses = [instance({ parts: [part('acme/a/press/p-1/telemetry'), part('acme/a/press/p-2/telemetry')] })]

it.each([
  [{ instances: presses, unmapped: 5 }, '1 mapping turns 2,060 messages/s into 2 machines. 5 topics match nothing.'],
  [{ unmapped: 1 }, '1 mapping, and no message that it takes yet. 1 topic matches nothing.'],
  [{ definition: { ...broker, mappings: [] } as never }, 'Nothing has been heard yet.'],
  [{ active: false }, 'It is switched off; nothing of it is read.'],
  [{ status: 'failed' as const, message: 'The broker refuses the password.' }, 'The broker refuses the password.'],
  [
    { definitionProblems: [{ parameter: 'paths', reason: 'is needed' }] },
    'It is not read: its definition no longer fits. is needed',
  ],
  [
    {
      kind: 'file' as const,
      eventsPerSecond: 96,
      instances: [instance({ rows: 1200, parts: [part('/a'), part('/b', true)] })],
    },
    '96.0 lines/s from 2 files, 1,200 searchable since it started. 1 file cannot be read.',
  ],
  [{ kind: 'file' as const, lastEvent: null }, 'No file fits its paths yet.'],
  [{ kind: 'push' as const }, '9,800 samples/s into 212 series.'],
  [
    { kind: 'push' as const, limitExceeded: 'http.path has 9,000 values' },
    '9,800 samples/s into 212 series. http.path has 9,000 values',
  ],
])('%#: says what it does and what asks for attention', (more, words) => expect(say(more)).toBe(words))

it('counts the machines that a mapping made where it is told by mapping', () => {
  const told = { ...part('acme/{site}/press/{machine}/telemetry'), last: '2026-05-04T08:00:00.000Z' }
  const ids = ['device:a:p-1', 'device:a:p-2', 'device:a:p-2:motor', 'os:a:p-1', 'device:a']
  const saidOf = (one: typeof told | ReturnType<typeof part>) =>
    findingOfSource(detail({ instances: [instance({ parts: [one] })] }), format, ids).say
  expect(saidOf(told)).toBe('1 mapping turns 2,060 messages/s into 2 machines.')
  expect(saidOf(part('acme/{site}/press/{machine}/telemetry'))).toBe('1 mapping, and no message that it takes yet.')
  const odd = { mappings: [{ ...emptyMapping(), process: 'device:x.y:{a}' }] }
  expect([...processesLike(odd, ['device:xzy:1', 'device:x.y:1'])]).toEqual(['device:x.y:1'])
})

it('knows the machines that topics become', () => {
  const topics = ['acme/a/press/p-1/telemetry', 'acme/b/press/p-1/telemetry', 'other']
  expect([...processesOf({ mappings }, topics)]).toEqual(['device:a:p-1', 'device:b:p-1'])
})
