import { describe, expect, it } from 'vitest'
import type { Check, RunStatus } from '../api/flow-types.ts'
import { assertionWords, deviationOf, rowsOf, stepInFocus, targetWords } from './step-rows.ts'

it.each([
  ['GET {{demo.url}}/orders', 'GET demo/orders'],
  ['{{ product.url }}/ready', 'product/ready'],
  ['GET crm.example/{{steps.order.id}}/x', 'GET crm.example/{id}/x'],
  ['{{run.id}}', '{run.id}'],
  ['crm.example/v2', 'crm.example/v2'],
])('%s is read as %s', (target, words) => expect(targetWords(target)).toBe(words))

it('says assertions in words', () => {
  const assertions = [
    { of: 'status', is: 'equals', value: 201 },
    { of: 'json', path: '$.journal.id', is: 'exists' },
    { of: 'status', is: 'one_of', value: [200, 201] },
    { of: 'json', path: '$.reference', is: 'equals', value: '{{run.id}}' },
    null,
  ]
  expect(assertionWords({ assertions })).toEqual([
    'status is 201',
    'json $.journal.id exists',
    'status is one of 200, 201',
    'json $.reference is {run.id}',
  ])
  expect(assertionWords({})).toEqual([])
})

describe('rows', () => {
  const definition = [
    { stepName: 'A', checkType: 'rest', checkConfiguration: {} },
    { stepName: 'B', checkType: 'tcp', checkConfiguration: {} },
  ]
  const usual = [
    {
      stepNumber: 1,
      key: 'a',
      name: 'A',
      normal: { median: 100, spread: 10, count: 9 },
      score: 1,
      drift: { from: '2026-01-01T00:00:00Z', stepSeconds: 60, values: [null, 1, 2] },
    },
  ]
  const rows = rowsOf({ check: null, definition, item: null, usual })

  it('are those of the definition before the first run, with what is usual', () => {
    expect(rows.map((row) => [row.number, row.name, row.status, row.normal])).toEqual([
      [1, 'A', 'pending', 100],
      [2, 'B', 'pending', null],
    ])
    expect(rows[0]?.line).toEqual({ endsAtMs: Date.parse('2026-01-01T00:02:00Z'), deviations: [null, 1, 2] })
  })
  it('know how far a time is from normal', () => {
    expect(deviationOf(130, rows[0]!)).toBe(3)
    expect(deviationOf(130, rows[1]!)).toBeNull()
    expect(deviationOf(null, rows[0]!)).toBeNull()
  })

  const focus = (...statuses: RunStatus[]) => {
    const steps = statuses.map((status, at) => ({ stepNumber: at + 1, name: '', checkType: '', target: '', status }))
    return stepInFocus(rowsOf({ check: { steps } as unknown as Check, definition: [], item: null, usual: [] }))
  }
  it.each([
    [['success', 'running', 'pending'], 2],
    [['success', 'failed', 'skipped'], 2],
    [['timeout', 'skipped', 'skipped'], 1],
    [['success', 'cancelled', 'skipped'], 2],
    [['success', 'success', 'success'], 3],
    [['pending', 'pending', 'pending'], 1],
  ] as const)('%s has step %i in focus', (statuses, step) => expect(focus(...statuses)).toBe(step))
})
