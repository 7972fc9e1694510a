import { expect, test } from 'vitest'
import { createRandom, createXoshiro, seedOf, splitmix64 } from './random.ts'

test('splitmix64 gives the numbers of its reference', () => {
  let state = 1_234_567n
  const values: bigint[] = []
  for (let at = 0; at < 5; at++) {
    const next = splitmix64(state)
    state = next.state
    values.push(next.value)
  }
  expect(values).toEqual([
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ])
})

test('xoshiro128** gives the numbers of its reference', () => {
  const random = createXoshiro(Uint32Array.of(0x964d4a0c, 0xd40ab895, 0xad7fdecb, 0x3006f0f0))
  const values = Array.from({ length: 4 }, () => random.nextUint32().toString(16))
  expect(values).toEqual(['f1391922', '6fe53806', 'a5be2840', 'f510ee70'])
})

test('numbers below a bound are spread evenly', () => {
  const random = createRandom(7n)
  const counts = new Array<number>(10).fill(0)
  for (let at = 0; at < 100_000; at++) counts[random.nextBelow(10)]! += 1
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})

test('a generator depends on nothing but its seed', () => {
  const first = createRandom(seedOf('default', 'host:web-1', '1'))
  const again = createRandom(seedOf('default', 'host:web-1', '1'))
  const other = createRandom(seedOf('default', 'host:web-1', '2'))
  const values = Array.from({ length: 20 }, () => first.nextUnit())
  expect(Array.from({ length: 20 }, () => again.nextUnit())).toEqual(values)
  expect(Array.from({ length: 20 }, () => other.nextUnit())).not.toEqual(values)
  expect(seedOf('a', 'bc')).not.toBe(seedOf('ab', 'c'))
})
