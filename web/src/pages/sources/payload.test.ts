import { expect, it } from 'vitest'
import { payloadText } from './payload.ts'

it('shows bytes as hex and text', () => {
  expect(payloadText(btoa('\x08\x01<b>hi'))).toBe(`0000  ${'08 01 3c 62 3e 68 69'.padEnd(48)} ··<b>hi`)
  expect(payloadText(btoa('x'.repeat(17))).split('\n')).toHaveLength(2)
})
it('says when there is nothing or nothing readable', () => {
  expect(payloadText('')).toBe('(empty)')
  expect(payloadText('%%%')).toBe('The stored bytes cannot be shown.')
})
