import type { PollDefinition } from '@driftline/ingest/definitions/poll'
import type { Json } from '@driftline/platform/metadata/tables'
import type { CheckAnswer } from '../check-type.ts'
import { CheckFailure } from '../check-type.ts'
import { compileJsonPath, type JsonPath } from '../facts/json-path.ts'

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

/** Errors: CheckFailure `config_invalid` for a JSONPath that cannot be read. */
export function createRowReader({ type, rows, metrics, time }: PollDefinition): RowReader {
  if (type === 'rest' || type === 'graphql') {
    const places = [
      ...metrics.flatMap(({ value, attributes }) => [value, ...Object.values(attributes)]),
      time ?? [],
    ].flat()
    const paths = new Map(places.map((place) => [place, compileJsonPath(place)]))
    return jsonRows(rows === undefined ? null : compileJsonPath(rows), paths)
  }
  if (type === 'sql') return { rowsOf: async (answer) => bounded((await answer.rows?.()) ?? []).map(columnRow) }
  return { rowsOf: fileRow(metrics.flatMap(({ value, attributes }) => [value, ...Object.values(attributes)])) }
}

function jsonRows(rows: JsonPath | null, paths: ReadonlyMap<string, JsonPath>): RowReader {
  return {
    async rowsOf(answer) {
      const document = await answer.fact('json', '$')
      if (document === undefined) throw new CheckFailure('answer_invalid', 'The answer is no JSON', { retry: 'always' })
      const found = bounded(rows === null ? [document] : rows.all(document))
      return found.map((row) => ({
        // Rules name the members of a row as they are.
        at: (place) => (paths.has(place) ? paths.get(place)?.first(row) : memberOf(row, place)),
      }))
    },
  }
}

function memberOf(row: Json, name: string): Json | undefined {
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return undefined
  return Object.hasOwn(row, name) ? (row as Readonly<Record<string, Json>>)[name] : undefined
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
