import { expect, test } from 'vitest'
import type { PushRequest } from '../push-request.ts'
import { takeRecord } from './record.ts'

/** Refuses before anything is asked of it. */
const untouched = {} as PushRequest
const nested = (levels: number): Uint8Array =>
  Buffer.from(`{"process":"log:x","attributes":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`)

test.each([40, 1000, 15_000, 30_000])('attributes nested %i times are refused, and nothing is thrown', (levels) => {
  expect(takeRecord(untouched, nested(levels), 0)).toMatchObject({ reason: 'attributes_invalid' })
})
