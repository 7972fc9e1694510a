import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalAttributes,
  escapeName,
  parseProcessId,
  partitionOf,
  processId,
  routingKey,
  seriesId,
  unescapeName,
} from './ids.ts'

describe('process ids', () => {
  test.each([
    ['nginx', 'nginx'],
    ['a b', 'a~20b'],
    ['kernel:x/y', 'kernel~3ax~2fy'],
    ['tilde~', 'tilde~7e'],
    ['é', '~c3~a9'],
    ['', ''],
  ])('%s is written %s', (name, escaped) => {
    expect(escapeName(name)).toBe(escaped)
    expect(unescapeName(escaped)).toBe(name)
  })

  test('every name survives escaping, and stays plain', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const escaped = escapeName(name)
        expect(escaped).toMatch(/^[A-Za-z0-9._~-]*$/)
        expect(unescapeName(escaped)).toBe(name)
      }),
    )
  })

  test('joins and parses', () => {
    const id = processId('os', 'web 1', 'a:b')
    expect(id).toBe('os:web~201:a~3ab')
    expect(parseProcessId(id)).toEqual({ kind: 'os', names: ['web 1', 'a:b'] })
  })
})

describe('routing', () => {
  test.each([
    ['host:web-1', 'default/host:web-1'],
    ['os:web-1:nginx', 'default/host:web-1'],
    ['device:plant-a:press-3', 'default/device:plant-a:press-3'],
    ['flow:invoice-to-cash', 'default/flow:invoice-to-cash'],
  ])('%s goes by %s', (process, key) => expect(routingKey('default', process)).toBe(key))

  test('a partition is stable and in range', () => {
    expect(partitionOf('default/host:web-1', 4)).toBe(partitionOf('default/host:web-1', 4))
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 64 }), (key, count) => {
        expect(partitionOf(key, count)).toBeGreaterThanOrEqual(0)
        expect(partitionOf(key, count)).toBeLessThan(count)
      }),
    )
  })

  test('hosts spread over partitions', () => {
    const used = new Set(Array.from({ length: 64 }, (_, i) => partitionOf(`default/host:web-${i}`, 4)))
    expect(used.size).toBe(4)
  })
})

describe('series', () => {
  test('attributes have one spelling', () => {
    expect(canonicalAttributes({ b: '2', a: '1' })).toBe('{"a":"1","b":"2"}')
    expect(canonicalAttributes({})).toBe('{}')
  })

  test('parts cannot run into each other', () => {
    expect(seriesId('a', 'bc', 'm', '{}')).not.toBe(seriesId('ab', 'c', 'm', '{}'))
  })

  test('the tenant is part of the id', () => {
    expect(seriesId('a', 'host:x', 'm', '{}')).not.toBe(seriesId('b', 'host:x', 'm', '{}'))
  })
})
