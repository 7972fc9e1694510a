import { expect, it } from 'vitest'
import { fuzzy, pieces } from './fuzzy.ts'

const best = (query: string, texts: string[]) =>
  texts
    .map((text) => [text, fuzzy(query, text)?.score ?? Number.NEGATIVE_INFINITY] as const)
    .filter(([, score]) => score > Number.NEGATIVE_INFINITY)
    .sort((a, b) => b[1] - a[1])
    .map(([text]) => text)

it('prefers whole words, then starts, then scattered letters', () => {
  expect(best('node', ['os/a/nodejs-exporter', 'os/a/node', 'os/a/anode-x'])[0]).toBe('os/a/node')
  expect(best('pg', ['os/db/postgres-gateway', 'os/db/cpg'])).toContain('os/db/postgres-gateway')
})

it('wants every word, in any order', () => {
  expect(fuzzy('nginx web', 'os/web-1/nginx')).not.toBeNull()
  expect(fuzzy('nginx db', 'os/web-1/nginx')).toBeNull()
})

it.each([
  ['xae', 'os/example/thexbax-service'],
  ['od', 'os/vm/head'],
])('does not take letters strewn at random: %s in %s', (query, text) => expect(fuzzy(query, text)).toBeNull())

it('finds everything for nothing and marks what it found', () => {
  expect(fuzzy('', 'anything')).toEqual({ score: 0, at: [] })
  expect(pieces('press-3', fuzzy('press', 'press-3')!.at)).toEqual([
    { text: 'press', hit: true },
    { text: '-3', hit: false },
  ])
})
