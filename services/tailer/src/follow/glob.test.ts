import { describe, expect, test } from 'vitest'
import { matchPath, matchSegment, type PathGlob, parseGlob } from './glob.ts'

describe('segments', () => {
  test.each([
    ['*.log', 'app.log', true],
    ['*.log', 'app.log.1', false],
    ['*', '.hidden', false],
    ['.*', '.hidden', true],
    ['app-?.log', 'app-1.log', true],
    ['app-?.log', 'app-12.log', false],
    ['app-[0-9].log', 'app-7.log', true],
    ['app-[!0-9].log', 'app-7.log', false],
    ['app-[ab].log', 'app-b.log', true],
    ['a[b', 'a[b', true],
    ['[]a]x', ']x', true],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['*a*b*c', 'xxaxxcxxb', false],
    ['', '', true],
    ['**', 'anything', true],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(matchSegment(pattern, name)).toBe(expected)
  })

  test('a pattern of many stars is refused in time', () => {
    expect(matchSegment('*a'.repeat(1000), 'a'.repeat(4000).replace(/a$/, 'b'))).toBe(false)
  })
})

test.each([
  ['/var/log/app.log', { base: '/var/log', segments: ['app.log'], isPattern: false }],
  ['/var/log/*/app*.log', { base: '/var/log', segments: ['*', 'app*.log'], isPattern: true }],
  ['/var/log/**/x.log', { base: '/var/log', segments: ['**', 'x.log'], isPattern: true }],
  ['/var//log/./app.log', { base: '/var/log', segments: ['app.log'], isPattern: false }],
  ['/*', { base: '/', segments: ['*'], isPattern: true }],
  ['app.log', { problem: 'path_not_absolute' }],
  ['/var/log/../../etc/shadow', { problem: 'path_has_dots' }],
  ['/', { problem: 'path_too_long' }],
  ['/a\0b', { problem: 'path_too_long' }],
  [`/${'a/'.repeat(65)}`, { problem: 'path_too_long' }],
])('%s', (pattern, expected) => {
  expect(parseGlob(pattern)).toMatchObject(expected)
})

test.each([
  ['/var/log/*.log', '/var/log/a.log', true],
  ['/var/log/*.log', '/var/log/x/a.log', false],
  ['/var/log/**/a.log', '/var/log/a.log', true],
  ['/var/log/**/a.log', '/var/log/x/y/a.log', true],
  ['/var/log/**', '/var/log/x/y/a.log', true],
  ['/var/log/x', '/var/log/x/y/a.log', true],
  ['/var/log/x', '/var/log/xy', false],
])('%s stands for %s: %s', (pattern, path, expected) => {
  expect(matchPath(parseGlob(pattern) as PathGlob, path)).toBe(expected)
})
