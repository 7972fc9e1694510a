import { describe, expect, test } from 'vitest'
import { addRow, createReservoir, type Reservoir } from './reservoir.ts'

const WINDOW = 10_000

/** Adds a row per minute, whose values tell the minute. */
function fill(reservoir: Reservoir, from: number, to: number, isRare: (minute: number) => boolean = () => false): void {
  for (let minute = from; minute < to; minute++) {
    const values = Float32Array.of(Number.NaN, minute, -minute)
    addRow(reservoir, minute, values, 1, { fromMinute: minute - WINDOW, isRare: isRare(minute) })
  }
}

const minutesOf = ({ count, minute }: Reservoir): number[] =>
  Array.from(minute.subarray(0, count)).sort((a, b) => a - b)

test('keeps all rows while there is room, with their values', () => {
  const reservoir = createReservoir(2, 1000, 7)
  fill(reservoir, 0, 700)
  expect(minutesOf(reservoir)).toEqual(Array.from({ length: 700 }, (_, minute) => minute))
  for (let row = 0; row < 700; row++) {
    expect(reservoir.values.subarray(2 * row, 2 * row + 2)).toEqual(
      Float32Array.of(reservoir.minute[row]!, -reservoir.minute[row]!),
    )
  }
})

describe('when it is full', () => {
  test('keeps an even sample', () => {
    const reservoir = createReservoir(2, 500, 7)
    fill(reservoir, 0, WINDOW)
    const minutes = minutesOf(reservoir)
    expect(minutes).toHaveLength(500)
    for (let tenth = 0; tenth < 10; tenth++) {
      const within = minutes.filter((minute) => Math.floor(minute / 1000) === tenth).length
      expect(Math.abs(within - 50)).toBeLessThan(25)
    }
  })

  test('forgets what is before the window and takes what is new', () => {
    const reservoir = createReservoir(2, 500, 7)
    fill(reservoir, 0, 3 * WINDOW)
    const minutes = minutesOf(reservoir)
    expect(minutes[0]).toBeGreaterThanOrEqual(2 * WINDOW - 1)
    expect(minutes.length).toBeGreaterThan(450)
  })

  test('keeps most of the rare rows', () => {
    const reservoir = createReservoir(2, 500, 7)
    fill(reservoir, 0, WINDOW, (minute) => minute % 250 === 0)
    const rare = minutesOf(reservoir).filter((minute) => minute % 250 === 0)
    expect(rare.length).toBeGreaterThan(20)
  })
})

test('depends on the rows and the process, not on what came between', () => {
  const whole = createReservoir(2, 200, 7)
  fill(whole, 0, 5000)
  const first = createReservoir(2, 200, 7)
  fill(first, 0, 2500)
  const goesOn = structuredClone(first)
  fill(goesOn, 2500, 5000)
  expect(goesOn).toEqual(whole)
  const other = createReservoir(2, 200, 8)
  fill(other, 0, 5000)
  expect(minutesOf(other)).not.toEqual(minutesOf(whole))
})
