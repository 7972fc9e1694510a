import { expect, it } from 'vitest'
import { createTakenRates } from './taken-rates.ts'

it('tells how fast each mapping takes messages', () => {
  const ratesOf = createTakenRates()
  const taken = Float64Array.of(100, 0)
  expect([...ratesOf(taken, 10_000)]).toEqual([0, 0])
  taken[0] = 150
  expect([...ratesOf(taken, 15_000)]).toEqual([10, 0])
  taken[1] = 4
  expect([...ratesOf(taken, 15_500)]).toEqual([10, 0])
  expect([...ratesOf(taken, 17_000)]).toEqual([0, 2])
})

it('begins anew with the counts of another definition', () => {
  const ratesOf = createTakenRates()
  ratesOf(Float64Array.of(500), 1000)
  const next = Float64Array.of(0, 0)
  expect([...ratesOf(next, 9000)]).toEqual([0, 0])
  next[1] = 3
  expect([...ratesOf(next, 10_000)]).toEqual([0, 3])
})
