import { expect, test } from 'vitest'
import { recordField } from './record-field.ts'

const row = JSON.parse(
  '{"amount":250000,"payer":{"country":"IN","vip":true},"a.b":{"c":1},"list":[5],"__proto__":{"x":7}}',
)

test.each<[unknown, string, unknown]>([
  [row, 'amount', 250_000],
  [row, 'payer.country', 'IN'],
  [row, 'payer.vip', 'true'],
  [row, 'a.b.c', 1],
  [row, 'list.0', 5],
  [row, '__proto__.x', 7],
  [row, 'payer', undefined],
  [row, 'missing.deep', undefined],
  [row, 'constructor.name', undefined],
  [21.5, 'value', 21.5],
  ['online', 'value', 'online'],
  [null, 'value', undefined],
])('of %j, %s is %j', (value, name, expected) => {
  expect(recordField(value, name)).toEqual(expected)
})
