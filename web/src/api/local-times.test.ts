import { expect, test } from 'vitest'
import { createFormat } from '../format.ts'
import { withLocalTimes } from './local-times.ts'

const now = Date.UTC(2026, 4, 4, 14)
const kolkata = createFormat('en-GB', 'Asia/Kolkata')

test.each([
  [
    'CPU of host vm is at 99 % of its limit, since 13:26:08 UTC',
    'CPU of host vm is at 99 % of its limit, since 18:56:08',
  ],
  ['CPU of a on b was 104 %, from 23:29:10 UTC; lasted 23 s', 'CPU of a on b was 104 %, from 04:59:10; lasted 23 s'],
  ['a is gone, since 2026-05-03 23:59:00 UTC', 'a is gone, since 4 May 2026, 05:29:00'],
  ['{"message":"since 13:26:08 UTC","timestamp":"x"}', '{"message":"since 18:56:08","timestamp":"x"}'],
  ['flagged by a, at 13:26:08 UTC', 'flagged by a, at 18:56:08'],
  ['on a Monday at 14:00', 'on a Monday at 14:00'],
  ['since 99:99:99 UTC', 'since 99:99:99 UTC'],
  ['date 13:26:08 UTC', 'date 13:26:08 UTC'],
])('%s', (written, read) => {
  expect(withLocalTimes(written, kolkata, now)).toBe(read)
})
