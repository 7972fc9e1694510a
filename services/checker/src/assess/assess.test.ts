import type { Extraction } from '@driftline/checks/types/parts'
import type { Json } from '@driftline/platform/metadata/tables'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CheckFailure } from '../check-type.ts'
import { boundBytes, boundLine, boundResult, cutText, RESULT_BYTES_MAX } from './bounds.ts'
import { extract } from './extract.ts'
import { fillTemplates, type TemplateValues } from './templates.ts'

const values: TemplateValues = {
  names: {
    'product.url': 'http://127.0.0.1:8080',
    'demo.url': null,
    'run.id': 'r1',
    'run.startTime': '2026-01-01T00:00:00.000Z',
    'flow.name': 'A & B',
  },
  steps: new Map([
    [
      'login',
      new Map<string, Json>([
        ['token', 'a/b {{run.id}}'],
        ['total', 12.5],
        ['ids', [1, 2]],
      ]),
    ],
  ]),
}

describe('templates', () => {
  const fill = (configuration: Record<string, unknown>, type: 'rest' | 'sql' | 'web_browser' = 'rest') =>
    fillTemplates(type, configuration, values)
  const cases: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ body: 'x' }, { body: 'x' }],
    [
      { url: '{{product.url}}/api/{{steps.login.token}}' },
      { url: 'http://127.0.0.1:8080/api/a%2Fb%20%7B%7Brun.id%7D%7D' },
    ],
    [{ url: '{{ steps.login.token }}' }, { url: 'a/b {{run.id}}' }],
    [
      { headers: { authorization: 'Bearer {{steps.login.token}}' } },
      { headers: { authorization: 'Bearer a/b {{run.id}}' } },
    ],
    [{ query: { q: '{{flow.name}}' } }, { query: { q: 'A & B' } }],
    [
      { json: { total: '{{steps.login.total}}', text: 'is {{steps.login.total}}' } },
      { json: { total: 12.5, text: 'is 12.5' } },
    ],
    [{ json: ['{{steps.login.ids}}'] }, { json: [[1, 2]] }],
    [{ body: '{{steps.login.ids}} {{run.id}}{{run.id}}' }, { body: '[1,2] r1r1' }],
  ]
  test.each(cases)('%j', (configuration, expected) => {
    expect(fill(configuration)).toEqual(expected)
  })

  test('values of a database go into parameters and never into the statement', () => {
    expect(fill({ query: 'select 1', parameters: ['{{steps.login.total}}'] }, 'sql')).toEqual({
      query: 'select 1',
      parameters: [12.5],
    })
    expect(() => fill({ query: 'select {{steps.login.token}}' }, 'sql')).toThrowError(/takes no templates/)
  })

  test('fields of a credential are left to the page', () => {
    const configuration = { actions: [{ do: 'fill', value: '{{credential.password}} {{run.id}}' }] }
    expect(fill(configuration, 'web_browser')).toEqual({
      actions: [{ do: 'fill', value: '{{credential.password}} r1' }],
    })
    expect(() => fill(configuration)).toThrowError(CheckFailure)
  })

  test.each([
    ['{{steps.login.none}}', 'value_missing'],
    ['{{steps.other.token}}', 'value_missing'],
    ['{{demo.url}}/x', 'config_invalid'],
    ['{{constructor}}', 'value_missing'],
    ['{{x', null],
  ])('%s', (text, reason) => {
    if (reason === null) expect(fill({ body: text })).toEqual({ body: text })
    else expect(() => fill({ body: text })).toThrowError(expect.objectContaining({ reason }))
  })
})

describe('extraction', () => {
  const wanted = (more: Partial<Extraction>): Extraction => ({ of: 'json', secret: false, required: true, ...more })
  const facts: Record<string, Json> = { '$.token': 'abc-123', '$.n': 5, '$.null': null, '$.list': [1] }
  const answer = { fact: (_: string, path?: string) => facts[path ?? ''], result: {} }
  const take = async (more: Partial<Extraction>, secret: (text: string) => void = () => {}) =>
    (await extract(answer, { v: wanted(more) }, secret))[0]?.value

  test('takes values as they are, or what a pattern finds', async () => {
    expect(await take({ path: '$.token' })).toBe('abc-123')
    expect(await take({ path: '$.n' })).toBe(5)
    expect(await take({ path: '$.list' })).toEqual([1])
    expect(await take({ path: '$.token', pattern: '[0-9]+' })).toBe('123')
    expect(await take({ path: '$.token', pattern: '([a-z]+)-' })).toBe('abc')
    expect(await take({ path: '$.none', required: false })).toBeUndefined()
  })

  test('says what was missing', async () => {
    await expect(take({ path: '$.none' })).rejects.toThrowError(
      'json $.none was missing, so v could not be taken from it',
    )
    await expect(take({ path: '$.null' })).rejects.toMatchObject({ reason: 'value_missing' })
    await expect(take({ path: '$.token', pattern: 'z+' })).rejects.toThrowError(/does not match z\+/)
  })

  test('declares secrets, also those that are too long to be used', async () => {
    const secrets: string[] = []
    await take({ path: '$.token', secret: true }, (text) => secrets.push(text))
    expect(secrets).toEqual(['abc-123'])
    facts['$.long'] = 'x'.repeat(70_000)
    await expect(take({ path: '$.long', secret: true }, (text) => secrets.push(text))).rejects.toMatchObject({
      reason: 'answer_too_large',
    })
    expect(secrets).toHaveLength(2)
  })
})

describe('bounds', () => {
  test('every result fits and is JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(40_000), (result, length) => {
        const text = boundResult({ ...(result as Record<string, Json>), long: 'ä'.repeat(length) })
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RESULT_BYTES_MAX)
        JSON.parse(text)
      }),
    )
    expect(boundResult({ status: 200 })).toBe('{"status":200}')
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field ${index}`, 'x'.repeat(50)]))
    expect(JSON.parse(boundResult(wide))).toMatchObject({ cut: true })
  })

  test('lines are one line, and no character is broken', () => {
    expect(boundLine('a\r\nb\0c\u2028d')).toBe('a b c d')
    expect(boundLine('x'.repeat(5000))).toHaveLength(2000)
    expect(cutText('ab😀', 4)).toBe('ab😀')
    expect(cutText('aaa😀😀', 7)).toBe('aaa😀😀')
    expect(cutText('aaaa😀😀', 7)).toBe('aaaa...')
    expect(cutText('aa😀😀😀', 6)).toBe('aa...')
    expect(boundLine('a\ud800b')).toBe('a\ufffdb')
    expect(Buffer.from(boundBytes('aä€', 3)).toString()).toBe('aä')
    expect(Buffer.from(boundBytes('aä€', 2)).toString()).toBe('a')
  })
})
