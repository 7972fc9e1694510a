import type { LogMetric } from '@driftline/ingest/definitions/logs'
import { MetricKind } from '@driftline/proto'
import { numberOf } from '../formats/field-of.ts'
import { findCell, type RecordColumns } from '../formats/record-columns.ts'
import { createGroupKeys } from './group-keys.ts'
import { type LogSeries, quantiles } from './log-metric-names.ts'
import { createValueGroups, quantileOf } from './quantiles.ts'
import type { Seconds } from './seconds.ts'

/** One metric that a person asked for: a field of the lines, put together per second and group. */
export interface FieldMetric {
  /** Takes in the rows of a chunk; `slots` tells the second of each. */
  add(columns: RecordColumns, slots: Int32Array): void
  /** Ends the batch: answers one value per second and kept group, and begins anew. */
  flush(seconds: Seconds, emit: (series: LogSeries, timeMs: number, value: number) => void): void
  /** Rows whose group was folded into `other`, since the start. */
  readonly folded: number
  save(): string[]
  restore(saved: readonly string[]): void
}

/** How two parts of one second are put together. */
type Fold = (into: number, value: number) => number
const FOLDS: Partial<Record<LogMetric['aggregation'], Fold>> = {
  sum: (into, value) => into + value,
  mean: (into, value) => into + value,
  min: Math.min,
  max: Math.max,
  last: (_, value) => value,
}

/** More groups in more seconds than this in one batch fold into `other`. */
const CELLS_MAX = 1 << 18

export function createFieldMetric(settings: LogMetric): FieldMetric {
  const { aggregation } = settings
  const by = settings.by ?? []
  const groups = createGroupKeys(by)
  const fold = FOLDS[aggregation]
  const kind = aggregation === 'sum' || aggregation === 'count' ? MetricKind.DELTA : MetricKind.GAUGE
  const cells = new Map<number, number>()
  const values = aggregation === 'quantiles' ? createValueGroups() : null
  let cellKey: number[] = []
  let totals: number[] = []
  let counts: number[] = []
  let seriesByGroup: LogSeries[][] = []

  /** The cell of a second and a group; both are small numbers, so that one number holds them. */
  const cellOf = (slot: number, group: number): number => {
    const key = slot * 8_192 + group
    const known = cells.get(key)
    if (known !== undefined) return known
    if (cellKey.length >= CELLS_MAX && group !== 0) return cellOf(slot, 0)
    const cell = cellKey.length
    cells.set(key, cell)
    cellKey.push(key)
    totals.push(Number.NaN)
    counts.push(0)
    return cell
  }

  const take = (cell: number, value: number): void => {
    const before = counts[cell]!
    counts[cell] = before + 1
    if (fold !== undefined) totals[cell] = before === 0 ? value : fold(totals[cell]!, value)
    else values?.add(cell, value)
  }

  const seriesOf = (group: number): LogSeries[] => {
    const known = seriesByGroup[group]
    if (known !== undefined) return known
    const texts = groups.valuesOf(group)
    const attributes = Object.fromEntries(by.map((name, index) => [name, texts[index]!]))
    const { metric, unit } = settings
    const made =
      values === null
        ? [{ metric, unit, kind, attributes }]
        : quantiles.map(({ text }) => ({ metric, unit, kind, attributes: { ...attributes, quantile: text } }))
    seriesByGroup[group] = made
    return made
  }

  return {
    get folded() {
      return groups.folded
    },
    add(columns, slots) {
      const name = columns.names.idOf(settings.field)
      if (name < 0) return
      const counting = aggregation === 'count'
      for (let row = 0; row < columns.rows; row++) {
        const cell = findCell(columns, row, name)
        if (cell < 0) continue
        const value = counting ? 1 : numberOf(columns, cell)
        if (Number.isNaN(value)) continue
        take(cellOf(slots[row]!, by.length === 0 ? 0 : groups.keyOf(columns, row)), value)
      }
    },
    flush(seconds, emit) {
      const settled = groups.settle()
      const count = cellKey.length
      // Cells whose groups were folded together are put together in the first of them.
      const merged = new Map<number, number>()
      const place = new Int32Array(count)
      for (let cell = 0; cell < count; cell++) {
        const slot = Math.floor(cellKey[cell]! / 8_192)
        const key = slot * 8_192 + (settled[cellKey[cell]! % 8_192] ?? 0)
        const into = merged.get(key) ?? cell
        place[cell] = into
        if (into === cell) {
          merged.set(key, cell)
          cellKey[cell] = key
        } else {
          if (fold !== undefined) totals[into] = fold(totals[into]!, totals[cell]!)
          counts[into]! += counts[cell]!
        }
      }
      const timeOf = (cell: number): number => seconds.startMs(Math.floor(cellKey[cell]! / 8_192))
      const groupOf = (cell: number): number => cellKey[cell]! % 8_192
      if (values !== null) {
        values.forEachSorted(
          count,
          (cell) => place[cell]!,
          (cell, sorted) => {
            seriesOf(groupOf(cell)).forEach((series, index) => {
              emit(series, timeOf(cell), quantileOf(sorted, quantiles[index]!.share))
            })
          },
        )
        values.clear()
      } else {
        for (const cell of merged.values()) {
          const [series] = seriesOf(groupOf(cell))
          const total = aggregation === 'count' ? counts[cell]! : totals[cell]!
          const value = aggregation === 'mean' ? total / counts[cell]! : total
          if (Number.isFinite(value)) emit(series!, timeOf(cell), value)
        }
      }
      cells.clear()
      cellKey = []
      totals = []
      counts = []
    },
    save: () => groups.save(),
    restore(saved) {
      groups.restore(saved)
      seriesByGroup = []
    },
  }
}
