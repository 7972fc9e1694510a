import type { SourceStatusRow } from '@driftline/ingest/source-status'
import type { StoredSource } from '@driftline/ingest/source-store'
import type { SourceStatusDetail } from '@driftline/ingest/status-detail'
import { describe, expect, it } from 'vitest'
import { definedItem, sourceItems } from './source-items.ts'

const NOW = 1_700_000_000_000

function source(changes: Partial<StoredSource> = {}): StoredSource {
  return {
    id: 's1',
    kind: 'mqtt',
    name: 'Plant',
    active: true,
    definition: { silentAfterSeconds: 60 },
    hasSecrets: false,
    managedBy: 'user',
    version: 1,
    createdAt: new Date(NOW),
    updatedAt: new Date(NOW),
    updatedBy: 'user:1',
    ...changes,
  }
}

function status(changes: Partial<SourceStatusDetail> = {}, row: Partial<SourceStatusRow> = {}): SourceStatusRow {
  const detail: SourceStatusDetail = {
    state: 'receiving',
    message: '',
    sinceMs: NOW,
    about: ['MQTT 5'],
    eventsPerSecond: 2,
    samplesPerSecond: 4,
    bytesPerSecond: 100,
    events: 1,
    samples: 1,
    rows: 0,
    bytes: 1,
    lastEventMs: NOW,
    lagMs: 20,
    refused: [],
    filtered: [],
    series: 5,
    unmapped: [],
    unmappedTotal: 0,
    parts: [],
    ...changes,
  }
  return { source: 's1', service: 'mqtt', instance: 'a', updatedAt: new Date(NOW), stale: false, detail, ...row }
}

describe('how a source is doing', () => {
  it.each<[string, Partial<StoredSource>, SourceStatusRow[], string, RegExp]>([
    ['receiving', {}, [status()], 'ok', /^$/],
    ['switched off', { active: false }, [status()], 'stopped', /switched off/],
    ['read by nobody', {}, [], 'stopped', /No mqtt service reads it/],
    ['left to an instance', { kind: 'file', definition: { instance: 'b' } }, [], 'stopped', /tailer service named b/],
    ['of an instance that is gone', {}, [status({}, { stale: true })], 'stopped', /not been heard of/],
    ['failed', {}, [status({ state: 'failed', message: 'refused the password' })], 'failed', /password/],
    ['failed at one of two', {}, [status(), status({ state: 'failed', message: 'away' })], 'ok', /away/],
    ['waiting', {}, [status({ state: 'waiting', lastEventMs: null })], 'waiting', /^$/],
    ['connecting', {}, [status({ state: 'connecting', lastEventMs: null })], 'connecting', /^$/],
    ['silent', {}, [status({ lastEventMs: NOW - 61_000 })], 'silent', /more than 1 min/],
    ['quiet for less', {}, [status({ lastEventMs: NOW - 59_000 })], 'ok', /^$/],
    ['pushed by nobody yet', { kind: 'push', definition: {} }, [], 'waiting', /^$/],
  ])('%s', (_, changes, rows, expected, message) => {
    const item = definedItem(source(changes), rows, NOW)
    expect(item.status).toBe(expected)
    expect(item.message).toMatch(message)
  })

  it('is summed over instances', () => {
    const refused = { reason: 'json_invalid', count: 3, lastMs: NOW - 5, detail: 'd', subject: 't' }
    const limit = { ...refused, reason: 'series_too_many', lastMs: NOW, detail: 'metric x by order_id' }
    const rows = [status({ refused: [refused] }), status({ refused: [limit], lagMs: 900 }), status({}, { stale: true })]
    expect(definedItem(source(), rows, NOW)).toMatchObject({
      eventsPerSecond: 4,
      series: 10,
      refused: 6,
      lagSeconds: 0.9,
      lastRefusal: { reason: 'series_too_many' },
      limitExceeded: 'metric x by order_id',
    })
  })

  it('says which process lines are of', () => {
    const file = { kind: 'file' as const, name: 'my shop', definition: { relatedProcess: 'os:a:nginx' } }
    expect(definedItem(source(file), [], NOW)).toMatchObject({
      processId: 'log:my~20shop',
      relatedProcess: 'os:a:nginx',
    })
  })
})

it('lists definitions, then agents, then topics that no mapping takes, each topic once', () => {
  const topic = { topic: 'a/b', perSecond: 1, lastMs: NOW, payload: 'json', example: '', proposal: null }
  const agent = {
    source: 'agent-1',
    name: 'web-1',
    status: 'ok' as const,
    version: '1',
    samplesPerSecond: 1,
    lastEvent: new Date(NOW).toISOString(),
    lagSeconds: 0,
    missedBatches: 0,
  }
  const statuses = [status({ unmapped: [topic] }), status({ unmapped: [{ ...topic, lastMs: NOW + 1 }] })]
  const stored = [source({ kind: 'syslog', id: 's2', name: 'A' }), source()]
  const items = sourceItems({ agents: [agent], stored, statuses }, NOW)
  expect(items.map(({ kind, name }) => [kind, name])).toEqual([
    ['mqtt', 'Plant'],
    ['syslog', 'A'],
    ['agent', 'web-1'],
    ['mqtt-topic', 'a/b'],
  ])
})
