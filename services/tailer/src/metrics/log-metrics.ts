import type { LogMetric } from '@driftline/ingest/definitions/logs'
import type { RecordColumns } from '../formats/record-columns.ts'
import { createFieldMetric } from './field-metric.ts'
import { CLASSES, fixedSeries, type LogSeries, quantiles, seriesNumber } from './log-metric-names.ts'
import { createValueGroups, quantileOf } from './quantiles.ts'
import { createSeconds } from './seconds.ts'

/**
 * What lines of one process say in numbers, per second of their event time. Nothing is carried from one batch into the
 * next but which values of grouping fields are kept, so that the same lines make the same numbers again.
 */
export interface LogMetrics {
  /** Takes in the rows of a chunk. */
  add(columns: RecordColumns): void
  /** Ends the batch: answers its values, each at the beginning of its second (milliseconds since the Unix epoch). */
  flush(emit: (series: LogSeries, timeMs: number, value: number) => void): void
  /** Rows whose grouping values were folded into `other`, since the start. */
  readonly folded: number
  /** Kept values of the grouping fields of each metric. */
  save(): string[][]
  restore(saved: readonly (readonly string[])[]): void
}

/** OpenTelemetry severity number from which a line counts as failed. */
const FAILED_SEVERITY = 17
const FAILED_STATUS = 500

export function createLogMetrics(config: { readonly metrics: readonly LogMetric[] }): LogMetrics {
  const seconds = createSeconds()
  const fields = config.metrics.map(createFieldMetric)
  const durations = createValueGroups()
  let slots = new Int32Array(1_024)
  // By second: lines, failed lines, and lines by class of level and of status.
  let lines = new Float64Array(64)
  let failed = new Float64Array(64)
  let classes = new Float64Array(64 * CLASSES * 2)

  const makeRoom = (): void => {
    const size = Math.max(lines.length * 2, seconds.count)
    const wider = (old: Float64Array, per: number): Float64Array<ArrayBuffer> => {
      const array = new Float64Array(size * per)
      array.set(old)
      return array
    }
    lines = wider(lines, 1)
    failed = wider(failed, 1)
    classes = wider(classes, CLASSES * 2)
  }

  const addRow = (columns: RecordColumns, row: number, slot: number, byStatus: boolean): void => {
    const severity = columns.severity[row]!
    const status = columns.status[row]!
    lines[slot]! += 1
    if (severity >= FAILED_SEVERITY || status >= FAILED_STATUS) failed[slot]! += 1
    const level = severity === 0 ? 0 : 1 + ((severity - 1) >> 2)
    const place = byStatus ? CLASSES + (status >= 100 && status < 600 ? Math.floor(status / 100) : 0) : level
    classes[slot * CLASSES * 2 + place]! += 1
    const duration = columns.durationS[row]!
    if (duration >= 0 && duration !== Number.POSITIVE_INFINITY) durations.add(slot, duration)
  }

  const flushCounts = (emit: (series: LogSeries, timeMs: number, value: number) => void): void => {
    for (let slot = 0; slot < seconds.count; slot++) {
      const timeMs = seconds.startMs(slot)
      emit(fixedSeries[seriesNumber.events]!, timeMs, lines[slot]!)
      emit(fixedSeries[seriesNumber.failed]!, timeMs, failed[slot]!)
      for (let place = 0; place < CLASSES * 2; place++) {
        const count = classes[slot * CLASSES * 2 + place]!
        if (count === 0) continue
        const first = place < CLASSES ? seriesNumber.levels : seriesNumber.statusClasses - CLASSES
        emit(fixedSeries[first + place]!, timeMs, count)
      }
    }
  }

  const flushDurations = (emit: (series: LogSeries, timeMs: number, value: number) => void): void => {
    durations.forEachSorted(seconds.count, null, (slot, sorted) => {
      const timeMs = seconds.startMs(slot)
      emit(fixedSeries[seriesNumber.durationCount]!, timeMs, sorted.length)
      emit(fixedSeries[seriesNumber.executionTime]!, timeMs, quantileOf(sorted, 0.5))
      quantiles.forEach(({ share }, index) => {
        emit(fixedSeries[seriesNumber.duration + index]!, timeMs, quantileOf(sorted, share))
      })
    })
    durations.clear()
  }

  return {
    get folded() {
      return fields.reduce((sum, field) => sum + field.folded, 0)
    },
    add(columns) {
      if (slots.length < columns.rows) slots = new Int32Array(columns.rowsMax)
      const byStatus = columns.groupedBy === 'status'
      for (let row = 0; row < columns.rows; row++) {
        const slot = seconds.slotOf(columns.timeMs[row]!)
        if (slot >= lines.length) makeRoom()
        slots[row] = slot
        addRow(columns, row, slot, byStatus)
      }
      for (let i = 0; i < fields.length; i++) fields[i]!.add(columns, slots)
    },
    flush(emit) {
      if (seconds.count === 0) return
      flushCounts(emit)
      flushDurations(emit)
      for (const field of fields) field.flush(seconds, emit)
      lines.fill(0, 0, seconds.count)
      failed.fill(0, 0, seconds.count)
      classes.fill(0, 0, seconds.count * CLASSES * 2)
      seconds.clear()
    },
    save: () => fields.map((field) => field.save()),
    restore(saved) {
      fields.forEach((field, index) => {
        field.restore(saved[index] ?? [])
      })
    },
  }
}
