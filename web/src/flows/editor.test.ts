import { describe, expect, it } from 'vitest'
import type { JsonSchema } from '../api/flow-types.ts'
import { diffOf } from './diff.ts'
import { moved, newStep, placeOf, problemMap, problemsOfStep, withCopy } from './draft.ts'
import { fieldsOf, formOf, labelOf, listText, readList, readScalar, scalarText } from './schema-form.ts'

const schema: JsonSchema = {
  $ref: '#/$defs/Config',
  $defs: {
    Action: {
      oneOf: [
        {
          type: 'object',
          properties: { do: { type: 'string', const: 'goto' }, url: { type: 'string' } },
          required: ['do', 'url'],
        },
        { type: 'object', properties: { do: { type: 'string', const: 'click' }, selector: { type: 'string' } } },
      ],
    },
    Config: {
      type: 'object',
      required: ['url'],
      properties: {
        followRedirects: { type: 'boolean', default: true },
        url: { type: 'string', maxLength: 4000, description: 'http or https' },
        headers: { type: 'object', default: {}, additionalProperties: { type: 'string' } },
        fields: {
          type: 'object',
          additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
        },
        schema: { type: 'object', additionalProperties: {} },
        credential: { type: 'string' },
        method: { type: 'string', enum: ['GET', 'POST'], default: 'GET' },
        json: { description: 'Any' },
        body: { type: 'string', maxLength: 1_000_000 },
        crawl: { type: 'object', properties: { pagesMax: { type: 'integer', default: 20 } } },
        ignore: { type: 'array', items: { type: 'string' } },
        parameters: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
        actions: { type: 'array', items: { $ref: '#/$defs/Action' } },
        assertions: { type: 'array', items: {} },
        extract: { type: 'object', additionalProperties: {} },
      },
    },
  },
}

describe('a form from a schema', () => {
  const form = formOf('rest', schema)
  const kinds = Object.fromEntries([...form.important, ...form.more].map((field) => [field.key, field.kind]))

  it('has what matters first and leaves out what has rows of its own', () => {
    expect(form.important.map((field) => field.key)).toEqual(['method', 'url', 'json', 'credential'])
    expect([...form.important, ...form.more].some((field) => ['assertions', 'extract'].includes(field.key))).toBe(false)
  })
  it('asks for each in the way that fits', () =>
    expect(kinds).toEqual({
      method: 'choice',
      url: 'text',
      json: 'json',
      credential: 'credential',
      followRedirects: 'flag',
      headers: 'pairs',
      fields: 'pairs',
      schema: 'json',
      body: 'long',
      crawl: 'group',
      ignore: 'lines',
      parameters: 'json',
      actions: 'variants',
    }))
  it('knows shapes of a list by what tells them apart', () => {
    const actions = form.more.find((field) => field.key === 'actions')
    expect(actions?.discriminator).toBe('do')
    expect(actions?.variants.map((one) => [one.name, one.fields.map((field) => field.key)])).toEqual([
      ['goto', ['url']],
      ['click', ['selector']],
    ])
  })
  it('knows numbers among names with values', () => {
    const scalars = (key: string) => form.more.find((field) => field.key === key)?.scalars
    expect([scalars('headers'), scalars('fields')]).toEqual([false, true])
  })
  it('takes the required fields of a type that it does not know', () =>
    expect(formOf('new_type', schema).important.map((field) => field.key)).toEqual(['url']))
  it('does not follow references for ever', () =>
    expect(
      fieldsOf({ properties: { a: { $ref: '#/$defs/Loop' } } }, { $defs: { Loop: { $ref: '#/$defs/Loop' } } })[0]?.kind,
    ).toBe('json'))
  it('labels', () =>
    expect(['followRedirects', 'url', 'bodyBytesMax', 'wait_for_url'].map(labelOf)).toEqual([
      'Follow redirects',
      'Address',
      'Largest answer, bytes',
      'Wait for url',
    ]))
})

describe('values that somebody types', () => {
  it.each([
    ['200', 200],
    ['-1.5', -1.5],
    ['007', '007'],
    ['true', true],
    ['null', null],
    ['"200"', '200'],
    ['', ''],
    ['{{steps.a.b}}', '{{steps.a.b}}'],
    ['open ', 'open '],
    ['12345678901234567890', '12345678901234567890'],
  ])('%s', (typed, value) => expect(readScalar(typed)).toBe(value))
  it.each([200, '200', 'true', true, null, 'plain', '"quoted"'])('comes back as it was: %s', (value) =>
    expect(readScalar(scalarText(value))).toBe(value),
  )
  it('reads lists', () => {
    expect(readList('200, 201')).toEqual([200, 201])
    expect(readList('["a, b", "c"]')).toEqual(['a, b', 'c'])
    expect(readList(listText(['a, b', 1]))).toEqual(['a, b', 1])
    expect(readList('')).toEqual([])
  })
})

describe('steps', () => {
  const steps = [
    { ...newStep(), stepName: 'A', key: 'a' },
    { ...newStep(), stepName: 'A 2' },
  ]
  it('move within the list', () => {
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b', 'c'], 2, 1)).toEqual(['a', 'b', 'c'])
    expect(moved(['a', 'b', 'c'], 2, -9)).toEqual(['c', 'a', 'b'])
  })
  it('are copied under a name of their own, without the key', () => {
    const next = withCopy(steps, 0)
    expect(next.map((step) => step.stepName)).toEqual(['A', 'A 3', 'A 2'])
    expect(next[1]?.key).toBeUndefined()
    expect(next[1]?.checkConfiguration).not.toBe(steps[0]?.checkConfiguration)
  })
  it('have their problems, by place', () => {
    const problems = [
      { path: 'steps.1.checkConfiguration.url', message: 'is missing' },
      { path: 'steps.10.stepName', message: 'is missing' },
      { path: 'name', message: 'is missing' },
      { path: 'name', message: 'is short' },
    ]
    expect(problemsOfStep(problems, 1)).toHaveLength(1)
    expect(problemMap(problems).get('name')).toBe('is missing; is short')
    expect(problems.map((one) => placeOf(one.path))).toEqual(['Step 2, url', 'Step 11, stepName', 'name', 'name'])
    expect(placeOf('')).toBe('The flow')
    expect(placeOf('schedules.0.cron')).toBe('Schedule 1, cron')
  })
})

describe('a difference', () => {
  it('shows what changed with a few lines around it', () => {
    const before = Array.from({ length: 20 }, (_, at) => `line ${at}`).join('\n')
    const lines = diffOf(before, before.replace('line 10', 'line ten'))
    expect(lines.filter((line) => line.kind !== 'same')).toEqual([
      { kind: 'left-out', text: '…' },
      { kind: 'removed', text: 'line 10' },
      { kind: 'added', text: 'line ten' },
      { kind: 'left-out', text: '…' },
    ])
    expect(lines.filter((line) => line.kind === 'same')).toHaveLength(6)
  })
  it('is empty where nothing changed', () => expect(diffOf('a\nb\n', 'a\nb')).toEqual([]))
})
