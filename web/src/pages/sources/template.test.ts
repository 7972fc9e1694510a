import { expect, it } from 'vitest'
import { filterOf, mappingFor, matchTopic, piecesOf, placeholdersOf } from './template.ts'

const press = 'acme/{site}/press/{machine}/telemetry'

it('gives one name one colour in every template', () => {
  const names = placeholdersOf(press)
  expect(names).toEqual(['site', 'machine'])
  expect(piecesOf('device:{site}:{machine}', names).map((piece) => [piece.text, piece.colour])).toEqual([
    ['device:', 0],
    ['{site}', 1],
    [':', 0],
    ['{machine}', 2],
  ])
  expect(piecesOf('{unknown}', names)[0]?.colour).toBe(0)
  expect(piecesOf('', names)).toEqual([])
})

it.each([
  [press, 'acme/+/press/+/telemetry'],
  ['a/{rest...}', 'a/#'],
  ['plain/topic', 'plain/topic'],
  ['a/press-{n}/b', 'a/+/b'],
])('%s subscribes to %s', (template, filter) => expect(filterOf(template)).toBe(filter))

it.each([
  [press, 'acme/plant-a/press/press-3/telemetry', ['plant-a', 'press-3']],
  [press, 'acme/plant-a/oven/o-1/telemetry', null],
  [press, 'acme/plant-a/press/press-3', null],
  [press, 'acme/plant-a/press/press-3/telemetry/more', null],
  ['a/{rest...}', 'a/b/c', ['b/c']],
  ['a/{rest...}', 'a', null],
  ['a/press-{n}', 'a/press-7', ['7']],
  ['a/(x)/{n}', 'a/(x)/1', ['1']],
  ['{a}.{b}', '1.2', ['1', '2']],
])('%s on %s finds %j', (template, topic, found) => {
  const pieces = matchTopic(template, topic, placeholdersOf(template))
  expect(pieces?.filter((piece) => piece.name).map((piece) => piece.text) ?? null).toEqual(found)
  if (pieces) expect(pieces.map((piece) => piece.text).join('')).toBe(topic)
})

it('takes the first mapping that matches', () => {
  expect(mappingFor([press, 'acme/{rest...}'], 'acme/x/press/y/telemetry')).toBe(0)
  expect(mappingFor([press, 'acme/{rest...}'], 'acme/x')).toBe(1)
  expect(mappingFor([press], 'other')).toBe(-1)
})
