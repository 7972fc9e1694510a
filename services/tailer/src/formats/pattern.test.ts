import { describe, expect, test } from 'vitest'
import { compilePattern, PATTERN_SIZE_MAX } from './pattern.ts'
import { createParser } from './registry.ts'
import { readLine } from './testing/read-lines.ts'

const JOB =
  '^(?P<time>\\S+) \\[(?P<worker>[^\\]]+)\\] (?P<level>[A-Z]+) job (?P<job>[0-9]+) took (?P<took_ms>[0-9.]+) ms(?: by (?P<user>.*))?$'

describe('a pattern with named groups', () => {
  test('makes fields, time, level and duration', () => {
    const row = readLine({ format: 'pattern', pattern: JOB }, '2024-05-01T11:59:58Z [w-1] WARN job 77 took 12.5 ms')
    expect(row).toMatchObject({
      reason: 'ok',
      time: '2024-05-01T11:59:58.000Z',
      severity: 13,
      durationS: 0.0125,
      attributes: { worker: 'w-1', job: 77, took_ms: 12.5 },
    })
  })

  test('matches bytes beyond ASCII at their places', () => {
    const row = readLine({ format: 'pattern', pattern: '(?P<a>é+)→(?P<b>\\p{Greek}+)' }, 'xx éé→αβγ yy')
    expect(row.fields).toEqual({ a: 'éé', b: 'αβγ' })
  })

  test('also takes groups written the other way, and is found anywhere in a line', () => {
    expect(readLine({ format: 'pattern', pattern: 'id=(?<id>\\w+)' }, 'x id=abc y').fields).toEqual({ id: 'abc' })
  })

  test('leaves out groups that took no part', () => {
    expect(readLine({ format: 'pattern', pattern: '(?P<a>x)|(?P<b>y)' }, 'y').fields).toEqual({ b: 'y' })
  })

  test('refuses a line that does not match, and one whose time is none', () => {
    expect(readLine({ format: 'pattern', pattern: JOB }, 'hello').reason).toBe('pattern_not_matched')
    expect(readLine({ format: 'pattern', pattern: JOB }, 'soon [w] INFO job 1 took 1 ms').reason).toBe('time_invalid')
  })

  test('bytes that are not UTF-8 do no harm', () => {
    const line = Buffer.from([0x61, 0xff, 0xfe, 0x62, 0xe2, 0x82])
    expect(readLine({ format: 'pattern', pattern: 'a(?P<x>.*)' }, line).reason).toMatch(/ok|pattern_not_matched/)
  })
})

describe('what is no pattern for us', () => {
  test.each([
    ['nothing', undefined, 'pattern_missing'],
    ['empty', '', 'pattern_missing'],
    ['no groups', '[0-9]+', 'pattern_without_groups'],
    ['groups without names', '([0-9]+)', 'pattern_without_groups'],
    ['a bracket not closed', '(?P<a>[', 'pattern_invalid'],
    ['a look-ahead', '(?P<a>x)(?=y)', 'pattern_invalid'],
    ['a back reference', '(?P<a>x)\\1', 'pattern_invalid'],
    ['a name twice', '(?P<a>x)(?P<a>y)', 'pattern_invalid'],
    ['too long', `(?P<a>${'x'.repeat(2_000)})`, 'pattern_too_long'],
    ['counts that multiply', '(?P<a>((x{30}){30}){30})', 'pattern_invalid|pattern_too_large'],
    ['a large count', '(?P<a>x{1000}){10}', 'pattern_invalid|pattern_too_large'],
    ['too many groups', Array.from({ length: 65 }, (_, i) => `(?P<g${i}>x)`).join(''), 'pattern_too_many_groups'],
  ])('%s', (_, pattern, problem) => {
    const made = createParser({ format: 'pattern', pattern })
    expect('problem' in made ? made.problem : 'none').toMatch(new RegExp(`^(${problem})$`))
  })

  test('a time zone that does not exist', () => {
    expect(createParser({ format: 'plain', timeZone: 'Mars/Olympus' })).toMatchObject({ problem: 'time_zone_unknown' })
  })
})

/**
 * How many steps the compiled program can take on a text is its size times the length: there is no backtracking. So the
 * size is what is held, on patterns that take for ever elsewhere.
 */
describe('patterns that explode elsewhere stay small', () => {
  test.each([
    ['(?P<a>(a+)+)$'],
    ['(?P<a>(a|aa)+)$'],
    ['(?P<a>(a|a?)+)$'],
    ['(?P<a>(.*)*)x$'],
    ['^(?P<a>([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*)@$'],
    ['(?P<a>(x+x+)+y)'],
  ])('%s', (text) => {
    const compiled = compilePattern(text)
    if ('problem' in compiled) throw new Error(compiled.detail)
    expect(compiled.pattern.programSize()).toBeLessThan(100)
    expect(PATTERN_SIZE_MAX).toBeGreaterThan(100)
    // With 2^n steps this would not end before the machine does.
    const row = readLine({ format: 'pattern', pattern: text }, `${'a'.repeat(4_000)}!`)
    expect(['ok', 'pattern_not_matched']).toContain(row.reason)
  })
})
