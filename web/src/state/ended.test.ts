import { expect, it } from 'vitest'
import { hasEnded } from './ended.ts'

const now = Date.UTC(2026, 10, 17, 14, 40, 10)
it.each([
  [null, false],
  [0, false],
  [60_000, false],
  [60_001, true],
])('a group that ended %s ms ago has ended: %s', (agoMs, ended) => {
  expect(hasEnded({ endedAt: agoMs === null ? null : new Date(now - agoMs).toISOString() }, now)).toBe(ended)
})
