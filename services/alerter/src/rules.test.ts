import { describe, expect, it } from 'vitest'
import { type AlertRule, isWorse, matchRules } from './rules.ts'

const rule = (name: string, changes: Partial<AlertRule> = {}): AlertRule => ({
  name,
  severity: 'critical',
  types: null,
  processes: null,
  channels: null,
  escalationMs: null,
  ...changes,
})

const subject = { severity: 'critical', type: 'error_spike', process: 'os:web-1:nginx' } as const

describe('rules', () => {
  const cases: [string, AlertRule[], { rule: string; channels: string[] | null } | null][] = [
    ['no rule', [], null],
    ['another severity', [rule('a', { severity: 'warning' })], null],
    ['the severity', [rule('a')], { rule: 'a', channels: null }],
    ['the type', [rule('a', { types: ['error_spike', 'x'] })], { rule: 'a', channels: null }],
    ['another type', [rule('a', { types: ['x'] })], null],
    ['the process', [rule('a', { processes: ['host:*', 'os:web-?:*'] })], { rule: 'a', channels: null }],
    ['another process', [rule('a', { processes: ['os:db-*'] })], null],
    [
      'several rules: the first names it, all channels hear of it',
      [rule('a', { channels: ['ops', 'boss'] }), rule('b', { channels: ['boss', 'dev'] })],
      { rule: 'a', channels: ['ops', 'boss', 'dev'] },
    ],
    [
      'several rules, one to every channel',
      [rule('a', { channels: ['ops'] }), rule('b')],
      { rule: 'a', channels: null },
    ],
  ]
  it.each(cases)('%s', (_what, rules, expected) => {
    expect(matchRules(rules, subject)).toEqual(expected)
  })
})

it('knows what is worse', () => {
  expect(isWorse('critical', 'warning')).toBe(true)
  expect(isWorse('warning', 'warning')).toBe(false)
  expect(isWorse('info', 'warning')).toBe(false)
})
