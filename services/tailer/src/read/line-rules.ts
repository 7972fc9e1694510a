import type { Collector } from '@driftline/ingest/collector'
import type { RecordRule } from '@driftline/ingest/definitions/record-rule'
import { createFlagLimit, createRecordRules, type FieldOf, flaggedRecord } from '@driftline/ingest/record-rules'
import type { Clock } from '@driftline/platform/clock'
import { fieldOf } from '../formats/field-of.ts'
import type { RecordChunk } from '../record-reader.ts'
import type { LineWorkspace } from './line-reader.ts'

/** Rules on the records of one source: which are true of a line, and what is published of it. */
export interface LineRules {
  /** Judges the lines that stand in the columns. */
  judge(chunk: RecordChunk, process: string): void
  /** Adds what is due of rules that were true too often. */
  finish(): void
  /** What is wrong with a rule; empty for nothing. */
  readonly problem: string
  /** Names of the rules that are true of a row; for previews. */
  hits(row: number, process: string): readonly string[]
}

export function createLineRules(
  config: { readonly tenant: string; readonly source: string; readonly rules: readonly RecordRule[] },
  { columns, attributes }: LineWorkspace,
  { collector, clock }: { readonly collector: Collector; readonly clock: Clock },
): LineRules {
  const { tenant, source, rules } = config
  const judged = createRecordRules(rules)
  const limit = createFlagLimit(clock)
  let row = 0
  let batchMs = 0
  let number = 0

  const field: FieldOf = (name) => {
    const value = fieldOf(columns, row, name)
    return typeof value === 'boolean' ? String(value) : value
  }

  const recordOf = (): string => {
    const length = columns.bodyIsJson ? 0 : attributes.write(columns, row)
    if (length > 0) return attributes.bytes.toString('utf8', 0, length)
    const bytes = columns.buffer.subarray(columns.start[row]!, columns.end[row]!)
    const text = Buffer.from(bytes).toString('utf8')
    return columns.bodyIsJson && columns.reason[row] === 0 ? text : JSON.stringify({ message: text })
  }

  return {
    problem: judged.problems.map(({ rule, message }) => `${rule}: ${message}`).join('; '),
    judge(chunk, process) {
      if (rules.length === 0) return
      // The same record of a batch that is made again has the same place.
      if (chunk.arrivalMs !== batchMs) number = 0
      batchMs = chunk.arrivalMs
      for (row = 0; row < columns.rows; row++) {
        number += 1
        for (const index of judged.judge(field, process)) {
          const rule = rules[index]!
          const position = `${chunk.subject} ${batchMs} ${number}`
          const place = { tenant, source, process, position, timeMs: columns.timeMs[row]! }
          if (!limit.admit(rule, place)) continue
          collector.flag(flaggedRecord(rule, { ...place, record: recordOf(), reading: judged.reading(index) }))
        }
      }
    },
    finish() {
      for (const record of limit.summaries()) collector.flag(record)
    },
    hits(at, process) {
      row = at
      return judged.judge(field, process).map((index) => rules[index]!.name)
    },
  }
}
