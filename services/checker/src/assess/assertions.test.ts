import type { Assertion, Comparison } from '@driftline/checks/types/parts'
import type { Json } from '@driftline/platform/metadata/tables'
import { expect, test } from 'vitest'
import { type CheckAnswer, CheckFailure } from '../check-type.ts'
import { judge, judgeFact } from './assertions.ts'

const a = (of: string, is: Comparison, value?: Assertion['value'], path?: string): Assertion => ({
  of,
  is,
  ...(value === undefined ? {} : { value }),
  ...(path === undefined ? {} : { path }),
})

const cases: [Assertion, Json | undefined, string | null][] = [
  [a('status', 'equals', 200), 200, null],
  [a('status', 'equals', 200), 503, 'status was 503, expected 200'],
  [a('status', 'equals', '200'), 200, null],
  [a('status', 'equals', 200), '200.0', null],
  [a('status', 'not_equals', 500), 500, 'status was 500, expected anything but 500'],
  [a('rows', 'at_least', 10), 3, 'rows was 3, expected at least 10'],
  [a('rows', 'at_least', 10), '12', null],
  [a('latency', 'less_than', 100), 100, 'latency was 100, expected less than 100'],
  [a('latency', 'at_most', '1e3'), 1000, null],
  [a('latency', 'more_than', 5), 5, 'latency was 5, expected more than 5'],
  [a('value', 'at_least', 1), 'many', 'value was "many", expected a number at least 1'],
  [a('value', 'at_least', 'x'), 1, 'value was compared with "x", which is no number'],
  [a('value', 'at_least', 1), '', 'value was "", expected a number at least 1'],
  [a('json', 'exists', undefined, '$.total'), undefined, 'json $.total was missing'],
  [a('json', 'exists', undefined, '$.total'), null, 'json $.total was missing'],
  [a('json', 'exists', undefined, '$.total'), 0, null],
  [a('json', 'equals', 3, '$.total'), undefined, 'json $.total was missing, expected 3'],
  [a('json', 'not_equals', 3, '$.total'), undefined, null],
  [a('json', 'equals', null, '$.total'), null, null],
  [a('json', 'equals', 'null', '$.total'), null, 'json $.total was null, expected "null"'],
  [a('json', 'missing', undefined, '$.error'), 'x', 'json $.error was there, expected it not to be'],
  [a('json', 'equals', true, '$.ok'), false, 'json $.ok was false, expected true'],
  [a('json', 'equals', 'true', '$.ok'), true, null],
  [a('json', 'equals', 'x', '$.items'), [1, 2], 'json $.items was a list of 2, expected "x"'],
  [a('json', 'contains', 2, '$.items'), [1, 2], null],
  [a('json', 'contains', 3, '$.items'), [1, 2], 'json $.items was a list of 2, expected it to contain 3'],
  [
    a('json', 'equals', '9007199254740993', '$.id'),
    '9007199254740992',
    'json $.id was "9007199254740992", expected "9007199254740993"',
  ],
  [a('exists', 'exists'), false, 'exists was missing'],
  [a('exists', 'equals', true), false, 'exists was false, expected true'],
  [
    a('header', 'equals', 'text/html', 'content-type'),
    'text/plain',
    'header content-type was "text/plain", expected "text/html"',
  ],
  [a('header', 'matches', '^text/', 'content-type'), 'text/plain', null],
  [
    a('header', 'not_matches', 'p[lx]ain', 'content-type'),
    'text/plain',
    'header content-type was "text/plain", expected it not to match "p[lx]ain"',
  ],
  [a('status', 'one_of', [200, 204]), 204, null],
  [a('status', 'one_of', [200, 204]), 500, 'status was 500, expected one of 200, 204'],
  [a('body', 'contains', 'ok'), 'secret things', 'body was another text of 13 characters, expected it to contain "ok"'],
  [
    a('body', 'not_contains', 'error'),
    'an error',
    'body was another text of 8 characters, expected it not to contain "error"',
  ],
  [a('text', 'equals', 'x', 'h1'), `${'y'.repeat(200)}`, `text h1 was "${'y'.repeat(100)}...", expected "x"`],
  [a('value', 'equals', Number.NaN), Number.NaN, null],
]
test.each(cases)('%j of %j: %s', (assertion, found, message) => {
  expect(judgeFact(assertion, found)).toBe(message)
})

test('a pattern that is none says so', () => {
  expect(() => judgeFact(a('body', 'matches', '('), 'x')).toThrowError(CheckFailure)
})

const answer = (facts: Record<string, Json>, faults?: CheckAnswer['faults']): CheckAnswer => ({
  fact: async (of) => facts[of],
  result: {},
  ...(faults && { faults }),
})

test('says the first three that do not hold and counts the others', async () => {
  const wrong = [1, 2, 3, 4, 5].map((value) => a('status', 'equals', value))
  const failure = await judge(answer({ status: 9 }), wrong)
  expect(failure).toMatchObject({ reason: 'assertion_failed', retry: 'asked' })
  expect(failure!.message).toBe(
    'status was 9, expected 1; status was 9, expected 2; status was 9, expected 3; and 2 more',
  )
})

test('what is wrong by itself counts unless an assertion is about it', async () => {
  const failure = new CheckFailure('status_unexpected', 'status was 503, expected less than 400')
  const bad = answer({ status: 503 }, [{ of: 'status', failure }])
  expect(await judge(bad, [])).toBe(failure)
  expect(await judge(bad, [a('latency', 'missing')])).toBe(failure)
  expect(await judge(bad, [a('status', 'equals', 503)])).toBeNull()
})
