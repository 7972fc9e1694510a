import { parseDuration } from './durations.ts'
import { cellValue, numberOf, textOf } from './field-of.ts'
import { cellKind, type RecordColumns } from './record-columns.ts'
import { unitsPerSecond } from './roles.ts'
import { severityOfWord } from './severity.ts'
import type { AnyTime } from './times/any-time.ts'

/** What a sample of lines shows of one field. */
export interface FieldProfile {
  readonly name: string
  /** Share of the lines that have it, 0 to 1. */
  readonly share: number
  /** Share of its values that are numbers, times, levels, durations with their unit. */
  readonly numbers: number
  readonly times: number
  readonly levels: number
  readonly durations: number
  /** Smallest and largest number; null without numbers. */
  readonly min: number | null
  readonly max: number | null
  /** Distinct values, up to 20. */
  readonly distinct: number
  readonly example: string
}

const DISTINCT_MAX = 20
const EXAMPLE_CHARACTERS_MAX = 120
const UNIT_IN_VALUE = unitsPerSecond.length - 1
const TIME_MS_MIN = Date.UTC(2000, 0, 1)
const AHEAD_MS_MAX = 86_400_000

interface Tally {
  rows: number
  numbers: number
  times: number
  levels: number
  durations: number
  min: number
  max: number
  readonly distinct: Set<string>
  example: string
}

/** Profiles of all fields in the lines that fit their format, the most common first. */
export function profileFields(columns: RecordColumns, time: AnyTime): FieldProfile[] {
  const tallies = new Map<number, Tally>()
  let rows = 0
  for (let row = 0; row < columns.rows; row++) {
    if (columns.reason[row] !== 0) continue
    rows += 1
    const to = columns.cellStart[row + 1]!
    for (let cell = columns.cellStart[row]!; cell < to; cell++) tally(columns, cell, tallies, time)
  }
  return [...tallies]
    .map(([name, counted]) => ({
      name: columns.names.nameOf(name),
      share: counted.rows / rows,
      numbers: counted.numbers / counted.rows,
      times: counted.times / counted.rows,
      levels: counted.levels / counted.rows,
      durations: counted.durations / counted.rows,
      min: counted.numbers > 0 ? counted.min : null,
      max: counted.numbers > 0 ? counted.max : null,
      distinct: counted.distinct.size,
      example: counted.example,
    }))
    .sort((a, b) => b.share - a.share)
}

function tally(columns: RecordColumns, cell: number, tallies: Map<number, Tally>, time: AnyTime): void {
  const name = columns.cellName[cell]!
  let counted = tallies.get(name)
  if (counted === undefined) {
    counted = { rows: 0, numbers: 0, times: 0, levels: 0, durations: 0, ...EMPTY, distinct: new Set(), example: '' }
    tallies.set(name, counted)
  }
  const { buffer } = columns
  const from = columns.cellFrom[cell]!
  const to = columns.cellTo[cell]!
  counted.rows += 1
  if (counted.example === '') counted.example = exampleOf(columns, cell)
  if (counted.distinct.size < DISTINCT_MAX) counted.distinct.add(exampleOf(columns, cell))
  if (columns.cellKind[cell]! > cellKind.number) return
  const number = numberOf(columns, cell)
  if (!Number.isNaN(number)) {
    counted.numbers += 1
    counted.min = Math.min(counted.min, number)
    counted.max = Math.max(counted.max, number)
  } else if (severityOfWord(buffer, from, to) > 0 && to - from > 1) counted.levels += 1
  else if (!Number.isNaN(parseDuration(buffer, from, to, UNIT_IN_VALUE))) counted.durations += 1
  const timeMs = time.parse(buffer, from, to, columns.arrivalMs)
  if (timeMs >= TIME_MS_MIN && timeMs <= columns.arrivalMs + AHEAD_MS_MAX) counted.times += 1
}

const EMPTY = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }

function exampleOf(columns: RecordColumns, cell: number): string {
  const value = cellValue(columns, cell)
  return (typeof value === 'string' ? textOf(columns, cell) : String(value ?? null)).slice(0, EXAMPLE_CHARACTERS_MAX)
}
