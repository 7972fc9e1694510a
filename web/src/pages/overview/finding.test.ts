import { expect, it } from 'vitest'
import type { ProcessItem, Status } from '../../api/types.ts'
import { createFormat } from '../../format.ts'
import { kindOf } from '../../process-id.ts'
import { findingOf } from './finding.ts'

const f = createFormat('en-GB', 'UTC')
const now = Date.UTC(2026, 10, 17, 14, 40, 10)
const item = (processId: string, status: Status, instances: number, cpuCores = 0.1) =>
  ({
    processId,
    kind: kindOf(processId),
    name: processId.split(':').at(-1),
    status,
    metrics: { timestamp: new Date(now - 1000).toISOString(), values: { instances, cpuCores } },
  }) as ProcessItem
const calm = [item('host:a', 'ok', 3), item('os:a:chrome', 'ok', 38, 1.12), item('os:a:sshd', 'ok', 1)]
const say = (items: ProcessItem[], more: Partial<Parameters<typeof findingOf>[0]> = {}) => {
  const finding = findingOf({ items, sinceMs: now - 86_400_000, nowMs: now, atMs: null, ...more }, f)
  return `${finding.say} ${finding.more} ${finding.hot?.text ?? ''}`.trim()
}

it('says that a fresh machine is on the air', () => {
  expect(say(calm, { sinceMs: now - 144_000 })).toBe(
    'This machine is on the air. 39 processes, 2 groups, first sample 2 min 24 s ago.',
  )
})
it('says that all is heard from, and what is busiest', () => {
  expect(say(calm)).toBe('All is heard from: 39 processes, 2 groups on 1 host. Busiest is chrome: 112.0 % CPU.')
})
it('says first what is wrong', () => {
  expect(say([...calm, item('host:b', 'silent', 0)])).toBe('1 of 4 processes is silent. Not heard from: b.')
})
it('says how many drift, and what is furthest off, by what and for how long', () => {
  const off = (id: string, status: Status, drift: number | null, more: Partial<ProcessItem> = {}) => ({
    ...item(id, status, 1),
    drift,
    driftKpi: 'memory',
    reason: null,
    ...more,
  })
  const both = [...calm, off('os:b:x', 'warning', -4.6), off('os:b:y', 'critical', 13.24), item('os:b:z', 'silent', 1)]
  expect(say(both, { worstOf: () => ({ sinceMs: now - 38 * 60_000, metric: 'memory' }) })).toBe(
    '2 of 6 processes are drifting. Furthest is y: memory +13.2σ for 38 min',
  )
  expect(say(both, { atMs: now })).toBe('2 of 6 processes were drifting at 14:40:10. Furthest is y: memory +13.2σ')
  expect(say([off('os:b:y', 'critical', 13.24)])).toBe('1 of 1 process is drifting. It is y: memory +13.2σ')
})
it('gives the words of a rule where the score is of something else', () => {
  const ruled = { ...item('os:b:x', 'critical', 1), drift: -28, driftKpi: 'disk_read', reason: 'CPU is at its limit' }
  const worstOf = () => ({ sinceMs: now - 60_000, metric: 'cpu_share' })
  expect(say([...calm, ruled], { worstOf })).toBe('1 of 4 processes is drifting. CPU is at its limit.')
  expect(say([...calm, ruled])).toContain('It is x: disk read −28.0σ')
})
it('gives the words of a rule where there is no score', () => {
  const ruled = { ...item('os:b:x', 'critical', 1), drift: null, driftKpi: null, reason: 'x ended 4 times in 5 min.' }
  expect(say([...calm, ruled])).toBe('1 of 4 processes is drifting. x ended 4 times in 5 min.')
  expect(say([...calm, { ...ruled, reason: null }])).toBe('1 of 4 processes is drifting. Look at x first.')
})
it('says when figures have stopped coming', () => {
  expect(say(calm, { nowMs: now + 42_000 })).toBe(
    'The newest figures are 43 s old. What is shown is the last that came.',
  )
})
it('calls nothing busiest that is silent', () => {
  expect(say([...calm, item('os:b:lost', 'silent', 1, 9)], { atMs: now })).toContain('Busiest was chrome')
})
it('speaks of the past as past', () => {
  expect(say(calm, { atMs: now })).toBe('3 processes were watched at 14:40:10. Busiest was chrome: 112.0 % CPU.')
  expect(say([item('host:a', 'ok', 5166)])).toContain('on 1 host.')
  expect(say([item('os:a:x', 'ok', 5166)], { sinceMs: now - 86_400_000 })).toContain('5,166 processes, 1 group')
  expect(say([], { atMs: now })).toBe('Nothing was watched then.')
  expect(say([])).toBe('Nothing has been heard yet.')
})
