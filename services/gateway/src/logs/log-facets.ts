import type { LogLine } from '../schemas/logs.ts'

type FieldValue = LogLine['fields'][string]

export interface Facet {
  readonly name: string
  readonly type: 'number' | 'text' | 'boolean' | 'mixed'
  readonly count: number
  readonly distinct: number
  readonly min: number | null
  readonly max: number | null
  readonly values: { readonly value: FieldValue; readonly count: number }[]
}

const FACETS_MAX = 100
/** A value that is longer than this is told apart by its beginning. */
const VALUE_LENGTH_MAX = 200

/** The fields of lines with their most frequent values, the most frequent field first. */
export function facetsOf(lines: readonly Pick<LogLine, 'fields'>[], valuesMax: number): Facet[] {
  const counts = new Map<string, Map<FieldValue, number>>()
  for (const { fields } of lines) {
    for (const [name, value] of Object.entries(fields)) {
      const values = counts.get(name) ?? new Map<FieldValue, number>()
      counts.set(name, values)
      const shown = typeof value === 'string' ? value.slice(0, VALUE_LENGTH_MAX) : value
      values.set(shown, (values.get(shown) ?? 0) + 1)
    }
  }
  return [...counts]
    .map(([name, values]) => toFacet(name, values, valuesMax))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, FACETS_MAX)
}

function toFacet(name: string, values: ReadonlyMap<FieldValue, number>, valuesMax: number): Facet {
  const types = new Set([...values.keys()].filter((value) => value !== null).map((value) => typeof value))
  const numbers = [...values.keys()].filter((value) => typeof value === 'number')
  const only = types.size === 1 ? [...types][0] : undefined
  return {
    name,
    type: only === 'string' || types.size === 0 ? 'text' : only === 'number' || only === 'boolean' ? only : 'mixed',
    count: [...values.values()].reduce((sum, count) => sum + count, 0),
    distinct: values.size,
    min: numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b)),
    max: numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b)),
    values: [...values]
      .sort((a, b) => b[1] - a[1])
      .slice(0, valuesMax)
      .map(([value, count]) => ({ value, count })),
  }
}
