import type { PollDefinition } from '@driftline/ingest/definitions/poll'
import type { Json } from '@driftline/platform/metadata/tables'
import type { CheckAnswer } from '../check-type.ts'
import { CheckFailure } from '../check-type.ts'
import type { JsonPaths } from '../facts/json-path.ts'

/** One row of an answer: its values by their places. */
export interface Row {
  /** `undefined` where it has none. */
  at(place: string): Json | undefined
}

/** Finds the rows of answers; made once for a definition. */
export interface RowReader {
  /** Errors: CheckFailure `rows_too_many`, `answer_invalid`. */
  rowsOf(answer: CheckAnswer): Promise<readonly Row[]>
}

const ROWS_MAX = 10_000

export function createRowReader({ type, rows, metrics, time }: PollDefinition, paths: JsonPaths): RowReader {
  if (type === 'rest' || type === 'graphql') return jsonRows(rows ?? null, paths)
  if (type === 'sql') return { rowsOf: async (answer) => bounded((await answer.rows?.()) ?? []).map(columnRow) }
  const places = metrics.flatMap(({ value, attributes }) => [value, ...Object.values(attributes)])
  return { rowsOf: fileRow(time === undefined ? places : [...places, time]) }
}

function jsonRows(rows: string | null, paths: JsonPaths): RowReader {
  return {
    async rowsOf(answer) {
      const document = await answer.fact('json', '$')
      if (document === undefined) throw new CheckFailure('answer_invalid', 'The answer is no JSON', { retry: 'always' })
      const found = rows === null ? [document] : paths.find(rows, document)
      const list = found === undefined ? [] : Array.isArray(found) ? (found as readonly Json[]) : [found]
      return bounded(list).map((row) => ({
        at: (place) => paths.find(place, row),
      }))
    },
  }
}

const columnRow = (row: Readonly<Record<string, Json>>): Row => ({
  at: (place) => (Object.hasOwn(row, place) ? row[place] : undefined),
})

/** A file is one row: its facts by their names, and what a JSONPath finds in it. */
function fileRow(places: readonly string[]): RowReader['rowsOf'] {
  return async (answer) => {
    const values = new Map<string, Json | undefined>()
    for (const place of new Set([...places, 'size', 'age', 'count'])) {
      const isPath = place.startsWith('$')
      values.set(place, await (isPath ? answer.fact('json', place) : answer.fact(place)))
    }
    return [{ at: (place) => values.get(place) }]
  }
}

function bounded<T>(rows: readonly T[]): readonly T[] {
  if (rows.length <= ROWS_MAX) return rows
  const hint = 'Ask for fewer rows, such as those since the last poll'
  throw new CheckFailure('rows_too_many', `The answer has ${rows.length} rows, at most ${ROWS_MAX} are taken`, { hint })
}
