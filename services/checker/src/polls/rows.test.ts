import { pollDefinition } from '@driftline/ingest/definitions/poll'
import type { Json } from '@driftline/platform/metadata/tables'
import { describe, expect, it } from 'vitest'
import type { CheckAnswer } from '../check-type.ts'
import { createJsonPaths } from '../facts/json-path.ts'
import { createTimeLimit } from '../facts/time-limit.ts'
import { createRowReader } from './rows.ts'

const paths = createJsonPaths({ limit: createTimeLimit(500) })

function readerOf(part: object) {
  return createRowReader(pollDefinition.parse({ everySeconds: 1, checkConfiguration: {}, ...part }), paths)
}

const jsonAnswer = (document: Json): CheckAnswer => ({
  fact: (of, path) => (of === 'json' && path === '$' ? document : undefined),
  result: {},
})

describe('rows of JSON', () => {
  it.each([
    ['the whole answer', undefined, { a: 1 }, 1],
    ['a list by its name', '$.items', { items: [{ a: 1 }, { a: 2 }] }, 2],
    ['its elements', '$.items[*]', { items: [{ a: 1 }, { a: 2 }] }, 2],
    ['one element', '$.items[*]', { items: [{ a: 1 }] }, 1],
    ['those that a filter leaves', '$.items[?@.a > 1]', { items: [{ a: 1 }, { a: 2 }, { a: 3 }] }, 2],
    ['none', '$.nothing', { items: [] }, 0],
    ['an empty list', '$.items', { items: [] }, 0],
  ])('are %s', async (_title, rows, document, count) => {
    const reader = readerOf({ type: 'rest', ...(rows === undefined ? {} : { rows }) })
    expect(await reader.rowsOf(jsonAnswer(document))).toHaveLength(count)
  })

  it.each<[string, Json, Json | undefined]>([
    ['total', { total: 5 }, 5],
    ['$.order.total', { order: { total: 6 } }, 6],
    ['order.total', { order: { total: 6 } }, 6],
    ['$.lines[0].price', { lines: [{ price: 7 }] }, 7],
    ['$["a b"]', { 'a b': 8 }, 8],
    ['total', [1], undefined],
    ['total', null, undefined],
    ['toString', {}, undefined],
    ['$.order.total', { order: 'x' }, undefined],
  ])('have at %s of %j the value %j', async (place, row, value) => {
    const [first] = await readerOf({ type: 'rest' }).rowsOf(jsonAnswer(row))
    expect(first?.at(place)).toEqual(value)
  })

  it('cannot be found in what is no JSON', async () => {
    const answer: CheckAnswer = { fact: () => undefined, result: {} }
    await expect(readerOf({ type: 'rest' }).rowsOf(answer)).rejects.toMatchObject({ reason: 'answer_invalid' })
  })

  it('are bounded', async () => {
    const many = jsonAnswer(Array.from({ length: 10_001 }, () => ({})))
    await expect(readerOf({ type: 'rest', rows: '$' }).rowsOf(many)).rejects.toMatchObject({ reason: 'rows_too_many' })
  })
})

describe('rows of SQL', () => {
  it('are read by column', async () => {
    const answer: CheckAnswer = { fact: () => undefined, result: {}, rows: async () => [{ total: 3 }, { total: null }] }
    const rows = await readerOf({ type: 'sql' }).rowsOf(answer)
    expect(rows.map((row) => [row.at('total'), row.at('other')])).toEqual([
      [3, undefined],
      [null, undefined],
    ])
  })
})

describe('a file', () => {
  it('is one row of its facts, and of what stands in it', async () => {
    const metrics = [{ metric: 'm', value: '$.total' }]
    const facts: Record<string, Json> = { size: 10, age: 5, count: 1, 'json $.total': 42 }
    const answer: CheckAnswer = { fact: (of, path) => facts[path === undefined ? of : `${of} ${path}`], result: {} }
    const [row] = await readerOf({ type: 'file', metrics }).rowsOf(answer)
    expect(['size', 'age', '$.total', 'sha256'].map((place) => row?.at(place))).toEqual([10, 5, 42, undefined])
  })
})
