import { describe, expect, test } from 'vitest'
import { flowId } from './flow-definition.ts'
import { readFlow } from './read-flow.ts'
import { scheduleTimes } from './schedules.ts'

const rest = (more: object = {}, step: object = {}): object => ({
  stepName: 'Ask',
  checkType: 'rest',
  checkConfiguration: { url: 'https://shop.example', ...more },
  ...step,
})
const flow = (steps: readonly object[], more: object = {}): object => ({ name: 'F', steps, ...more })
const login = rest({ extract: { token: { of: 'json', path: '$.token', secret: true } } }, { stepName: 'Log in' })

function problemsOf(input: unknown): string[] {
  const read = readFlow(input)
  return read.ok ? [] : read.problems.map(({ path, message }) => `${path}: ${message}`)
}

test('reads a flow and keeps configurations as written', () => {
  const read = readFlow(flow([login, { ...rest(), checkType: 'api_call', key: 'again' }]))
  expect(read).toMatchObject({
    ok: true,
    definition: {
      active: true,
      schedules: [],
      steps: [{ stepName: 'Log in' }, { checkType: 'rest', checkConfiguration: { url: 'https://shop.example' } }],
    },
  })
  expect(read.ok && Object.keys(read.definition.steps[1]!.checkConfiguration)).toEqual(['url'])
})

describe('says what is wrong, and where', () => {
  const c = 'steps.0.checkConfiguration'
  const cases: [string, unknown, RegExp][] = [
    ['nothing', undefined, /^: /],
    ['no steps', flow([]), /^steps: /],
    ['a field that nobody knows', flow([rest()], { stepz: 1 }), /^stepz: There is no such field$/],
    ['a type that nobody knows', flow([{ ...rest(), checkType: 'soap' }]), /^steps\.0\.checkType: /],
    ['a configuration of another type', flow([rest({ sql: 'x' })]), /^steps\.0\.checkConfiguration\.sql: There is no/],
    ['a wrong value within', flow([rest({ method: 'FETCH' })]), /^steps\.0\.checkConfiguration\.method: /],
    ['two bodies', flow([rest({ json: {}, body: 'x' })]), /^steps\.0\.checkConfiguration\.body: Set one of/],
    ['an address of another kind', flow([rest({ url: 'ftp://x.example' })]), /url: must begin with http/],
    ['no address', flow([rest({ url: 'shop' })]), /url: is not an address/],
    ['a password in an address', flow([rest({ url: 'https://a:b@x.example' })]), /url: must not hold a user name/],
    ['two steps of one name', flow([rest(), rest()]), /^steps\.1\.stepName: gives the key ask, which step 1 has/],
    ['two keys', flow([rest({}, { key: 'a' }), rest({}, { key: 'a' })]), /^steps\.1\.key: gives the key a/],
    [
      'a fact of another type',
      flow([rest({ assertions: [{ of: 'rows', is: 'exists' }] })]),
      /assertions\.0\.of: rows is no fact of REST call; it has status/,
    ],
    ['a fact to extract', flow([rest({ extract: { a: { of: 'rows' } } })]), /extract\.a\.of: rows is no fact/],
    [
      'an assertion without value',
      flow([rest({ assertions: [{ of: 'status', is: 'equals' }] })]),
      /value: equals needs a value/,
    ],
    [
      'a value that is of no use',
      flow([rest({ assertions: [{ of: 'body', is: 'exists', value: 1 }] })]),
      /exists takes no value/,
    ],
    [
      'a text that is compared by size',
      flow([rest({ assertions: [{ of: 'latency', is: 'at_most', value: 'fast' }] })]),
      /at_most needs a number/,
    ],
    [
      'one_of without a list',
      flow([rest({ assertions: [{ of: 'status', is: 'one_of', value: 200 }] })]),
      /one_of needs a list/,
    ],
    [
      'a list for equals',
      flow([rest({ assertions: [{ of: 'status', is: 'equals', value: [200] }] })]),
      /equals takes one value/,
    ],
    [
      'a pattern with look-ahead',
      flow([rest({ assertions: [{ of: 'body', is: 'matches', value: '(?=x)' }] })]),
      /is not an RE2 pattern/,
    ],
    [
      'a pattern that explodes',
      flow([rest({ assertions: [{ of: 'body', is: 'matches', value: '(a{500}){2}' }] })]),
      /value: (repeats too much|is not an RE2)/,
    ],
    [
      'a pattern to extract',
      flow([rest({ extract: { a: { of: 'body', pattern: '(' } } })]),
      /extract\.a\.pattern: is not an RE2/,
    ],
    [
      'a name that no template may have',
      flow([rest({ extract: { 'a-b': { of: 'body' } } })]),
      /^steps\.0\.checkConfiguration\.extract\.a-b: /,
    ],
    [
      'a template that stands for nothing',
      flow([rest({ url: '{{secret}}' })]),
      new RegExp(`^${c}\\.url: \\{\\{secret\\}\\} stands for nothing`),
    ],
    [
      'a value of a later step',
      flow([rest({ url: 'https://x/{{steps.log_in.token}}' }), login]),
      /no step before this one has the key log_in/,
    ],
    [
      'a value of the step itself',
      flow([rest({ url: '{{steps.ask.x}}', extract: { x: { of: 'body' } } })]),
      /no step before this one/,
    ],
    [
      'a value that is not extracted',
      flow([login, rest({ headers: { a: '{{steps.log_in.tocken}}' } })]),
      /^steps\.1\.checkConfiguration\.headers\.a: .*extracts no tocken, but token$/,
    ],
    ['a template deep within', flow([rest({ json: { a: [{ b: '{{x}}' }] } })]), /json\.a\.0\.b: /],
    [
      'a template in a statement',
      flow([{ stepName: 'Q', checkType: 'sql', checkConfiguration: { url: 'sqlite:/x', query: 'select {{run.id}}' } }]),
      /query: takes no templates/,
    ],
    ['a credential elsewhere', flow([rest({ url: 'https://x/{{credential.password}}' })]), /stands for nothing/],
    [
      'a schedule that is none',
      flow([rest()], { schedules: [{ cron: '61 * * * *' }] }),
      /^schedules\.0\.cron: is not a cron pattern/,
    ],
    [
      'a date as a schedule',
      flow([rest()], { schedules: [{ cron: '2026-01-01T00:00:00' }] }),
      /^schedules\.0\.cron: must have five fields/,
    ],
    [
      'a day that never comes',
      flow([rest()], { schedules: [{ cron: '0 0 31 2 *' }] }),
      /^schedules\.0\.cron: never comes/,
    ],
    [
      'a zone that is none',
      flow([rest()], { schedules: [{ cron: '0 1 * * *', timeZone: 'Mars/Base' }] }),
      /^schedules\.0\.timeZone: /,
    ],
    ['an interval that is none', flow([rest()], { schedules: [{ everySeconds: 0 }] }), /^schedules\.0\.everySeconds: /],
    ['NUL', flow([rest({ url: 'https://x/\0' })]), /url: holds a character that is none/],
    ['half a character', { name: 'a\ud800', steps: [rest()] }, /^name: holds a character/],
    [
      'a crawl that ignores nonsense',
      flow([
        { stepName: 'P', checkType: 'web_page', checkConfiguration: { url: 'https://x', crawl: { ignore: ['('] } } },
      ]),
      /crawl\.ignore\.0: is not an RE2/,
    ],
  ]
  test.each(cases)('%s', (_, input, problem) => {
    expect(problemsOf(input)).toContainEqual(expect.stringMatching(problem))
  })

  test('what is nested without end, and what is too large', () => {
    let deep: unknown = 'x'
    for (let level = 0; level < 200; level++) deep = [deep]
    expect(problemsOf(flow([rest({ json: deep })]))).toContainEqual(expect.stringMatching(/nested deeper/))
    const wide = Array.from({ length: 100 }, (_, index) =>
      rest({ body: 'x'.repeat(20_000) }, { stepName: `S${index}` }),
    )
    expect(problemsOf(flow(wide))).toContainEqual(expect.stringMatching(/larger than/))
  })
})

test('takes templates where they may stand', () => {
  const browser = {
    stepName: 'Sign in',
    checkType: 'web_browser',
    checkConfiguration: {
      url: '{{ product.url }}/sign-in',
      credential: 'shop',
      actions: [{ do: 'fill', selector: '#p', value: '{{credential.password}}' }],
    },
  }
  const later = rest({
    url: 'https://x.example/{{steps.log_in.token}}?at={{run.startTime}}',
    assertions: [{ of: 'status', is: 'at_most', value: '{{steps.log_in.token}}' }],
  })
  expect(problemsOf(flow([login, browser, later]))).toEqual([])
})

test('gives an id to every name', () => {
  expect(flowId(' Invoice to Cash! ')).toBe('flow:invoice-to-cash')
  expect(flowId('Größe prüfen')).toBe('flow:gro-e-prufen')
  expect(flowId('चालान')).toMatch(/^flow:[0-9a-f]{14}$/)
  expect(flowId('चालान')).not.toBe(flowId('भुगतान'))
})

test('comes to the same due times everywhere, and through changes of the clock of a zone', () => {
  const times = scheduleTimes('flow:a', { cron: '30 2 * * *', timeZone: 'Europe/Berlin' })
  const due = (after: string): string => new Date(times.next(Date.parse(after))!).toISOString()
  expect(due('2026-03-27T12:00:00Z')).toBe('2026-03-28T01:30:00.000Z')
  expect(due('2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z')
  expect(due('2026-10-25T00:30:00Z')).toBe('2026-10-26T01:30:00.000Z')
  const interval = scheduleTimes('flow:a', { everySeconds: 10 })
  const first = interval.next(1_000_000)!
  expect(first).toBeGreaterThan(1_000_000)
  expect(interval.next(first)).toBe(first + 10_000)
  expect(interval.next(first - 1)).toBe(first)
  expect(scheduleTimes('flow:b', { everySeconds: 10 }).next(1_000_000)).not.toBe(first)
})
