import {
  type ColumnUpdateNode,
  type InsertQueryNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  type PrimitiveValueListNode,
  type QueryId,
  type ValueNode,
  type ValuesNode,
} from 'kysely'
import { AppError } from '../errors.ts'
import type { ColumnKind } from './tables.ts'

type ColumnKinds = Readonly<Record<string, ColumnKind>>

/**
 * Converts values on their way into the database and back, and refuses those that it cannot hold: booleans are 0 and
 * 1, dates are milliseconds since the Unix epoch, JSON is text. This is a guard as well as a convenience: binding
 * `true` aborts the process in libsql, and NUL silently cuts text short there. Errors: `value_invalid`.
 */
export function createValuePlugin(kinds: ColumnKinds): KyselyPlugin {
  const transformer = new ValueTransformer(kinds)
  return {
    transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
    transformResult: async ({ result }) => ({ ...result, rows: result.rows.map((row) => decodeRow(kinds, row)) }),
  }
}

class ValueTransformer extends OperationNodeTransformer {
  readonly #kinds: ColumnKinds

  constructor(kinds: ColumnKinds) {
    super()
    this.#kinds = kinds
  }

  protected override transformValue(node: ValueNode, queryId?: QueryId): ValueNode {
    return { ...super.transformValue(node, queryId), value: encodeValue(node.value) }
  }

  protected override transformPrimitiveValueList(
    node: PrimitiveValueListNode,
    queryId?: QueryId,
  ): PrimitiveValueListNode {
    return { ...super.transformPrimitiveValueList(node, queryId), values: node.values.map(encodeValue) }
  }

  protected override transformInsertQuery(node: InsertQueryNode, queryId?: QueryId): InsertQueryNode {
    const isJson = (node.columns ?? []).map((column) => this.#kinds[column.column.name] === 'json')
    const hasJson = isJson.includes(true) && node.values?.kind === 'ValuesNode'
    const values = hasJson ? encodeJsonColumns(node.values as ValuesNode, isJson) : node.values
    return super.transformInsertQuery(values === undefined ? node : { ...node, values }, queryId)
  }

  protected override transformColumnUpdate(node: ColumnUpdateNode, queryId?: QueryId): ColumnUpdateNode {
    const name = columnName(node.column)
    const isJson = name !== undefined && this.#kinds[name] === 'json'
    return super.transformColumnUpdate(isJson ? { ...node, value: encodeJsonNode(node.value) } : node, queryId)
  }
}

function encodeJsonColumns(values: ValuesNode, isJson: readonly boolean[]): OperationNode {
  const rows = values.values.map((row) => {
    if (row.kind === 'PrimitiveValueListNode') {
      return { ...row, values: row.values.map((value, index) => (isJson[index] ? encodeJson(value) : value)) }
    }
    return { ...row, values: row.values.map((item, index) => (isJson[index] ? encodeJsonNode(item) : item)) }
  })
  return { ...values, values: rows } as OperationNode
}

function encodeJsonNode(node: OperationNode): OperationNode {
  if (node.kind !== 'ValueNode') return node
  return { ...node, value: encodeJson((node as ValueNode).value) } as OperationNode
}

function columnName(node: OperationNode): string | undefined {
  return 'column' in node ? (node as { column: { name?: string } }).column.name : undefined
}

/** JSON null and the database's NULL are one thing, so that `where value is null` finds it. */
function encodeJson(value: unknown): unknown {
  if (value === null || value === undefined) return value
  try {
    const text = JSON.stringify(value, refuseNonFinite)
    if (text !== undefined) return text
  } catch (cause) {
    throw new AppError('value_invalid', `A value is not JSON: ${(cause as Error).message}`, { cause })
  }
  throw new AppError('value_invalid', `A ${typeof value} is not JSON`)
}

function refuseNonFinite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`)
  return value
}

const UNSTORABLE_TEXT = /[\0\p{Surrogate}]/u

function encodeValue(value: unknown): string | number | null | undefined {
  if (value === null || value === undefined) return value
  switch (typeof value) {
    case 'string':
      if (UNSTORABLE_TEXT.test(value)) {
        throw new AppError('value_invalid', 'Text must not contain NUL or half of a surrogate pair')
      }
      return value
    case 'boolean':
      return value ? 1 : 0
    case 'number':
    case 'bigint':
      return encodeNumber(value)
  }
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime()
  const shape = value instanceof Date ? 'An invalid date' : `A value of type ${typeof value}`
  throw new AppError('value_invalid', `${shape} cannot be stored in this column`)
}

function encodeNumber(value: number | bigint): number {
  const number = Number(value)
  const isSafe = Number.isInteger(number) ? Number.isSafeInteger(number) : Number.isFinite(number)
  if (isSafe) return number
  throw new AppError('value_invalid', `${value} is not a number that can be stored exactly`)
}

function decodeRow<Row>(kinds: ColumnKinds, row: Row): Row {
  const decoded: Record<string, unknown> = {}
  for (const [column, value] of Object.entries(row as Record<string, unknown>)) {
    decoded[column] = value === null ? null : decodeValue(kinds[column], value)
  }
  return decoded as Row
}

function decodeValue(kind: ColumnKind | undefined, value: unknown): unknown {
  if (kind === 'boolean') return value !== 0
  if (kind === 'date') return new Date(value as number)
  if (kind === 'json') return JSON.parse(value as string)
  return value
}
