import { expect, it } from 'vitest'
import { createGlob } from './glob.ts'

it.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['a*c', 'abbc', true],
  ['a*c', 'abbd', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['*a*b', 'xaybab', true],
  ['', 'a', false],
  ['(a+)+$', '(a+)+$', true],
])('the glob %s and the text %s', (glob, text, expected) => {
  expect(createGlob(glob)(text)).toBe(expected)
})
