import { expect, it } from 'vitest'
import type { SourceItem } from '../../api/source-types.ts'
import { createFormat, plain } from '../../format.ts'
import { countSources, firstOf, groupsOf } from './list.ts'

const format = createFormat('en-GB', 'UTC')
const item = (part: Partial<SourceItem> & Pick<SourceItem, 'source' | 'kind' | 'name'>): SourceItem => ({
  status: 'ok',
  message: '',
  active: true,
  about: [],
  version: null,
  eventsPerSecond: 0,
  samplesPerSecond: 0,
  bytesPerSecond: 0,
  lastEvent: null,
  lagSeconds: null,
  missedBatches: 0,
  series: 0,
  refused: 0,
  lastRefusal: null,
  filtered: 0,
  unmapped: 0,
  limitExceeded: null,
  processId: null,
  relatedProcess: null,
  managedBy: 'user',
  topic: null,
  ...part,
})
const items = [
  item({ source: 'e', kind: 'mqtt', name: 'embedded', managedBy: 'system', eventsPerSecond: 4, about: ['MQTT 3.1.1'] }),
  item({ source: 'p', kind: 'mqtt', name: 'Plant broker', eventsPerSecond: 2060, unmapped: 5 }),
  item({ source: 'a2', kind: 'agent', name: 'b', version: '0.1.10', samplesPerSecond: 60 }),
  item({ source: 'a1', kind: 'agent', name: 'a', version: '0.1.9', samplesPerSecond: 1200 }),
  item({ source: 'f', kind: 'file', name: 'nginx', processId: 'log:nginx', eventsPerSecond: 1345 }),
  item({ source: 's', kind: 'syslog', name: 'network', status: 'failed', message: 'port 514 is taken' }),
  item({ source: 'w', kind: 'push', name: 'Prometheus', status: 'waiting' }),
  item({ source: 'p/t', kind: 'mqtt-topic', name: 't', status: 'unmapped' }),
]

it('lists sources by kind: agents as one, topics not at all, what made itself last', () => {
  const shown = groupsOf(items, format).map((group) => [
    group.name,
    group.rows.map((row) => `${row.glyph} ${row.name} | ${plain(row.rate)} | ${row.about}`),
  ])
  expect(shown).toEqual([
    ['MQTT', ['ok Plant broker | 2,060 msg/s | ', 'ok Built-in broker | 4.0 msg/s | MQTT 3.1.1']],
    ['Hosts', ['ok 2 agents | 1,260 smp/s | oldest 0.1.9']],
    ['Logs', ['critical network | failed | port 514 is taken', 'ok nginx | 1,345 lines/s | log/nginx']],
    ['Push', ['learning Prometheus | waiting | ']],
  ])
  expect(countSources(items)).toBe(7)
})

it('opens what is wrong first, else the first of the list', () => {
  expect(firstOf(groupsOf(items, format))).toBe('s')
  expect(firstOf(groupsOf(items.slice(0, 2), format))).toBe('p')
  expect(firstOf([])).toBeNull()
})
