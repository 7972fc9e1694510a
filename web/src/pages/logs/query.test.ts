import { expect, it } from 'vitest'
import {
  conditionOf,
  conditionWords,
  fieldMeant,
  isNarrowed,
  paramsOf,
  queryOfSearch,
  readTyped,
  searchOfQuery,
  termsOf,
  tokensOf,
} from './query.ts'

it.each([
  ['', []],
  ['  ', []],
  ['card refused', ['card', 'refused']],
  ['"card refused" -retry', ['"card refused"', '-retry']],
  ['-"no such" x', ['-"no such"', 'x']],
  ['open "quote', ['open', '"quote']],
  ['user:"a b" c', ['user:"a b"', 'c']],
])('%j has the tokens %j', (typed, tokens) => expect(tokensOf(typed)).toEqual(tokens))

it.each([
  ['status:500 refused', { q: 'refused', fields: ['status=500'], levels: [], process: '' }],
  ['-status:200', { q: '', fields: ['status=!200'], levels: [], process: '' }],
  ['duration:>=0.5 http.route:/api', { q: '', fields: ['duration=>=0.5', 'http.route=/api'], levels: [], process: '' }],
  ['amount:>1,00,000 note:1,5', { q: '', fields: ['amount=>100000', 'note=1,5'], levels: [], process: '' }],
  ['user:"a b"', { q: '', fields: ['user=a b'], levels: [], process: '' }],
  ['level:warning error', { q: 'error', fields: [], levels: ['warn'], process: '' }],
  ['level:odd', { q: '', fields: ['level=odd'], levels: [], process: '' }],
  ['process:log/payments x', { q: 'x', fields: [], levels: [], process: 'log:payments' }],
  ['http://example/x status:', { q: 'http://example/x status:', fields: [], levels: [], process: '' }],
  ['12:30:01', { q: '12:30:01', fields: [], levels: [], process: '' }],
])('%j is read', (typed, wanted) => {
  const { fields, ...rest } = readTyped(typed)
  expect({ ...rest, fields: fields.map((one) => `${one.name}=${one.condition}`) }).toEqual(wanted)
})

const ofAccessLog = [
  'http.response.status_code',
  'http.server.request.duration',
  'http.response.body.size',
  'http.request.header.size.limit',
  'user',
  'user.name',
]
it.each([
  ['status', 'http.response.status_code'],
  ['duration', 'http.server.request.duration'],
  ['size', 'http.response.body.size'],
  ['user', 'user'],
  ['order', 'order'],
])('%s of an access log means %s', (typed, meant) => expect(fieldMeant(typed, ofAccessLog)).toBe(meant))

it('goes through the address and back, and leaves the range alone', () => {
  const search = searchOfQuery({
    range: '1h',
    q: 'a "b c"',
    severity: 'error,fatal,odd',
    'field.status': ['500', '!502'],
    'field.a.b': '*',
    pattern: '00aa',
    tab: 'patterns',
    odd: null,
  })
  expect(search.levels).toEqual(['fatal', 'error'])
  expect(search.fields).toHaveLength(3)
  const query = queryOfSearch(search, { range: '1h', tab: 'patterns', q: 'old', 'field.x': '1' })
  expect(query).toEqual({
    range: '1h',
    tab: 'patterns',
    q: 'a "b c"',
    severity: 'fatal,error',
    pattern: '00aa',
    'field.status': ['500', '!502'],
    'field.a.b': ['*'],
  })
  expect(searchOfQuery(query)).toEqual(search)
  expect(paramsOf(search).getAll('field.status')).toEqual(['500', '!502'])
  expect(isNarrowed(search)).toBe(true)
  expect(isNarrowed(searchOfQuery({ range: '1h' }))).toBe(false)
})

it.each([
  ['500', false, '500'],
  ['500', true, '!500'],
  ['>5', false, '~>5'],
  ['*', false, '~*'],
  ['*x', false, '*x'],
  [true, false, 'true'],
  [null, true, '!'],
])('a click on %j makes %s %s', (value, isNot, condition) => expect(conditionOf(value, isNot)).toBe(condition))

it.each([
  ['500', 's: 500'],
  ['!500', 's is not 500'],
  ['>=0.5', 's ≥ 0.5'],
  ['~a', 's has a'],
  ['*', 's is there'],
])('%s is said as %s', (condition, words) => expect(conditionWords({ name: 's', condition })).toBe(words))

it('marks what must occur', () =>
  expect(termsOf('card "not enough" -retry -"x y" pay* *')).toEqual(['card', 'not enough', 'pay']))
