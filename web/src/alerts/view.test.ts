import { describe, expect, test } from 'vitest'
import type { Alert, Anomaly, Delivery } from '../api/types.ts'
import { createFormat } from '../format.ts'
import { noticesMax, spoken, withArrived } from './notices.ts'
import {
  alertAt,
  anomalyAt,
  bySeverity,
  byTime,
  channelWords,
  deliveryWords,
  glyphOf,
  handlingOf,
  happeningsOf,
  mergeLive,
} from './view.ts'

const format = createFormat('en-GB', 'UTC')
const start = Date.UTC(2026, 4, 4, 14)
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
const alert = (more: Partial<Alert> = {}): Alert => ({
  id: 'a1',
  anomalyId: 'n1',
  anomalyIds: ['n1'],
  processId: 'os:web-1:my~20app',
  rule: 'critical_anomaly',
  type: 'performance_degradation',
  severity: 'critical',
  message: 'CPU is 370 %',
  recipients: ['email:ops@example.org', 'webhook:https://hooks.example.org/x'],
  timestamp: at(0),
  status: 'open',
  acknowledgedAt: null,
  acknowledgedBy: null,
  resolvedAt: null,
  resolvedBy: null,
  ...more,
})
const anomaly = (more: Partial<Anomaly> = {}) =>
  ({
    id: 'n1',
    type: 'performance_degradation',
    severity: 'critical',
    description: 'CPU is 370 %',
    timestamp: at(0),
    endedAt: null,
    ...more,
  }) as Anomaly
const delivery = (more: Partial<Delivery> = {}): Delivery => ({
  id: 'd1',
  channel: 'webhook:https://hooks.example.org/x',
  event: 'opened',
  state: 'delivered',
  attempts: 1,
  createdAt: at(1),
  deliveredAt: at(3),
  nextAttemptAt: null,
  lastError: null,
  ...more,
})

describe('order', () => {
  test('is worst first, then newest first', () => {
    const some = [
      alert({ id: 'w', severity: 'warning', timestamp: at(9) }),
      alert({ id: 'old', timestamp: at(0) }),
      alert({ id: 'new', timestamp: at(5) }),
    ]
    expect(some.sort(bySeverity).map((one) => one.id)).toEqual(['new', 'old', 'w'])
    expect(some.sort(byTime).map((one) => one.id)).toEqual(['w', 'new', 'old'])
  })
  test('silence has its ring whatever its severity', () => {
    expect(glyphOf({ type: 'missing_data', severity: 'critical' })).toBe('silent')
    expect(glyphOf({ type: 'error_spike', severity: 'info' })).toBe('pending')
  })
})

describe('what came live', () => {
  const open = (one: Alert) => one.status !== 'resolved'
  test('changes what was listed, adds what is new and takes away what no longer fits', () => {
    const listed = [alert({ id: 'a' }), alert({ id: 'b' })]
    const live = [
      alert({ id: 'b', status: 'resolved' }),
      alert({ id: 'c', timestamp: at(9) }),
      alert({ id: 'd', status: 'resolved' }),
    ]
    expect(mergeLive(listed, live, open, byTime).map((one) => one.id)).toEqual(['c', 'a'])
  })
})

describe('the past', () => {
  const handled = alert({
    status: 'resolved',
    acknowledgedAt: at(60),
    acknowledgedBy: 'ann',
    resolvedAt: at(120),
    resolvedBy: 'system',
  })
  test.each([
    [-1, null],
    [30, 'open'],
    [90, 'acknowledged'],
    [120, 'resolved'],
  ])('%i s after the start an alert is %s', (seconds, status) => {
    expect(alertAt(handled, start + seconds * 1000)?.status ?? null).toBe(status)
  })
  test('nobody has done yet what was done later', () => {
    expect(alertAt(handled, start + 30_000)).toMatchObject({ acknowledgedBy: null, resolvedAt: null })
  })
  test('an anomaly still lasts before its end, and is not there before its start', () => {
    const ended = anomaly({ endedAt: at(60) })
    expect(anomalyAt(ended, start + 30_000)?.endedAt).toBeNull()
    expect(anomalyAt(ended, start + 60_000)?.endedAt).toBe(at(60))
    expect(anomalyAt(ended, start - 1)).toBeNull()
  })
})

describe('words', () => {
  test.each([
    [{}, 'To ops@example.org and 1 more'],
    [{ recipients: [] }, 'Shown here only'],
    [{ status: 'acknowledged', acknowledgedBy: 'ann' }, 'Acknowledged by ann'],
    [{ status: 'resolved', resolvedBy: 'system' }, 'Over by itself'],
    [{ status: 'resolved', resolvedBy: 'ann' }, 'Resolved by ann'],
  ] as const)('%o', (more, words) => expect(handlingOf(alert(more as Partial<Alert>))).toBe(words))

  test.each([
    ['email:ops@example.org', 'ops@example.org'],
    ['webhook:https://hooks.example.org/secret', 'webhook hooks.example.org'],
    ['slack', 'slack'],
  ])('%s', (channel, words) => expect(channelWords(channel)).toBe(words))

  test.each([
    [{}, '14:00:03'],
    [{ attempts: 3 }, '14:00:03, 3 tries'],
    [{ state: 'pending', attempts: 2, deliveredAt: null }, 'waiting, 2 tries'],
    [{ state: 'failed', attempts: 8, deliveredAt: null }, 'failed, 8 tries'],
    [{ state: 'withdrawn', attempts: 0, deliveredAt: null }, 'withdrawn'],
  ] as const)('delivery %o', (more, words) =>
    expect(deliveryWords(delivery(more as Partial<Delivery>), format)).toBe(words),
  )
})

test('what happened is told in order, with why a message did not arrive', () => {
  const told = happeningsOf(
    alert({ status: 'resolved', resolvedAt: at(60), resolvedBy: 'system' }),
    [anomaly({ endedAt: at(50) })],
    [
      delivery(),
      delivery({ id: 'd2', state: 'failed', attempts: 8, deliveredAt: null, lastError: 'Connection refused' }),
    ],
    format,
  )
  expect(told.map((one) => one.title)).toEqual([
    'CPU is 370 %',
    'Alert opened by rule “critical_anomaly”',
    'webhook hooks.example.org could not be told of the opening',
    'webhook hooks.example.org told of the opening',
    'Back to normal: performance degradation',
    'Resolved: all of it is over',
  ])
  expect(told[2]?.detail).toContain('Connection refused')
  expect(told[3]?.detail).toBe('Delivered in 2.00 s.')
})

describe('notices', () => {
  test('the newest few stay, each once, and those that are over go', () => {
    const first = withArrived([], [alert({ id: 'a' }), alert({ id: 'b' })], start)
    const next = withArrived(first, [alert({ id: 'b' }), alert({ id: 'c' }), alert({ id: 'd' })], start + 1000)
    expect(next.map((one) => one.alert.id)).toEqual(['b', 'c', 'd'])
    expect(next.length).toBeLessThanOrEqual(noticesMax)
    expect(withArrived(next, [], start + 60_000)).toEqual([])
  })
  test('are said in words, many as a number', () => {
    expect(spoken([alert()])).toBe('New critical alert, os/web-1/my app: CPU is 370 %')
    expect(spoken(Array.from({ length: 9 }, () => alert()))).toBe('9 new alerts')
  })
})
