import { expect, it } from 'vitest'
import { createFormat } from '../format.ts'
import { recordFields } from './record.ts'

const format = createFormat('en-IN', 'Asia/Kolkata')
const shown = (record: unknown) => recordFields(record, format).map((one) => `${one.name}=${one.value}`)

it('says amounts as people write them, and names as they stand', () => {
  expect(shown('{"id":1234567,"amount":184500,"rate":0.125,"card":{"last4":"4242"},"ok":true}')).toEqual([
    'id=1234567',
    'amount=1,84,500',
    'rate=0.125',
    'card.last4=4242',
    'ok=true',
  ])
})

it.each([
  ['', []],
  [null, []],
  [undefined, []],
  ['plain line', ['=plain line']],
  ['[1,2]', ['=[1,2]']],
  [{ a: [1] }, ['a=[1]']],
])('%j is shown as %j', (record, lines) => expect(shown(record)).toEqual(lines))

it('is bounded', () => {
  const big = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))
  expect(recordFields(big, format)).toHaveLength(40)
})
