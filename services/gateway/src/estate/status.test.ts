import { describe, expect, it } from 'vitest'
import { statusOf } from './status.ts'

const NOW = 10_000_000
const HOUR = 3_600_000

describe('status of a process', () => {
  it.each([
    ['alive and old enough', { lastHeardMs: NOW - 1000, intervalMs: 1000, firstSeenMs: NOW - HOUR }, 'ok'],
    ['alive in its first half hour', { lastHeardMs: NOW, intervalMs: 1000, firstSeenMs: NOW - HOUR / 3 }, 'learning'],
    ['not heard for 15 s', { lastHeardMs: NOW - 15_001, intervalMs: 1000, firstSeenMs: NOW - HOUR }, 'silent'],
    ['heard 15 s ago', { lastHeardMs: NOW - 15_000, intervalMs: 1000, firstSeenMs: NOW - HOUR }, 'ok'],
    ['a slow source within five intervals', { lastHeardMs: NOW - 290_000, intervalMs: 60_000, firstSeenMs: 0 }, 'ok'],
    ['a slow source past five intervals', { lastHeardMs: NOW - 300_001, intervalMs: 60_000, firstSeenMs: 0 }, 'silent'],
    ['learnt early', { lastHeardMs: NOW, intervalMs: 1000, firstSeenMs: NOW - 60_000, learnt: true }, 'ok'],
    ['in trouble and new', { lastHeardMs: NOW, intervalMs: 1000, firstSeenMs: NOW, worst: 'warning' }, 'warning'],
    ['in trouble and silent', { lastHeardMs: 0, intervalMs: 1000, firstSeenMs: 0, worst: 'critical' }, 'critical'],
    ['worth a note', { lastHeardMs: NOW, intervalMs: 1000, firstSeenMs: 0, worst: 'info' }, 'ok'],
    ['new and silent', { lastHeardMs: NOW - 20_000, intervalMs: null, firstSeenMs: NOW - 20_000 }, 'silent'],
  ] as const)('%s', (_, input, status) => {
    expect(statusOf({ nowMs: NOW, learnt: false, worst: null, ...input })).toBe(status)
  })
})
