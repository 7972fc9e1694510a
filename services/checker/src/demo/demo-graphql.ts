import { customerOf, invoiceOf, type Order, orderOf, orders } from './demo-records.ts'
import { QueryError, readQuery, type Selection } from './graphql-words.ts'

interface GraphqlAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly { readonly message: string }[]
}

type Fields = Readonly<Record<string, (given: Selection['arguments']) => unknown>>

const ROWS_MAX = 100

/** Answers `order(id)` and `orders(status, first)` with what hangs on them; anything else is an error, as it should be. */
export function answerGraphql(query: unknown, variables: unknown): GraphqlAnswer {
  if (typeof query !== 'string') return { errors: [{ message: 'There is no query' }] }
  try {
    const given = typeof variables === 'object' && variables !== null ? (variables as Record<string, unknown>) : {}
    return { data: select(root, readQuery(query, given), 'Query') }
  } catch (error) {
    if (error instanceof QueryError) return { data: null, errors: [{ message: error.message }] }
    throw error
  }
}

const root: Fields = {
  order({ id }) {
    const order = orderOf(String(id))
    return order === undefined ? null : orderFields(order)
  },
  orders({ status, first }) {
    const wanted = orders.filter((order) => status === undefined || order.status === status)
    const count = Math.max(0, Math.min(ROWS_MAX, Number(first ?? ROWS_MAX)))
    return wanted.slice(0, Number.isNaN(count) ? ROWS_MAX : count).map(orderFields)
  },
}

const named = Symbol('name of the type')
type Named = Fields & { readonly [named]: string }

function fieldsOf(name: string, values: object): Named {
  const entries = Object.entries(values).map(([key, value]) => [key, () => value] as const)
  return { ...Object.fromEntries(entries), [named]: name }
}

function orderFields(order: Order): Named {
  const { customer, lines, ...values } = order
  const invoice = order.status === 'invoiced' ? fieldsOf('Invoice', invoiceOf(order)) : null
  return fieldsOf('Order', {
    ...values,
    customer: fieldsOf('Customer', customerOf(customer)!),
    lines: lines.map((line) => fieldsOf('Line', line)),
    invoice,
  })
}

function select(fields: Fields, selections: readonly Selection[], type: string): Record<string, unknown> {
  const entries = selections.map((selection) => {
    if (selection.name === '__typename') return [selection.as, type] as const
    if (!Object.hasOwn(fields, selection.name)) {
      throw new QueryError(`Cannot query field "${selection.name}" on type "${type}"`)
    }
    return [selection.as, shown(fields[selection.name]!(selection.arguments), selection, type)] as const
  })
  return Object.fromEntries(entries)
}

function shown(value: unknown, selection: Selection, type: string): unknown {
  if (Array.isArray(value)) return value.map((each) => shown(each, selection, type))
  const isObject = typeof value === 'object' && value !== null && named in value
  if (isObject && selection.fields.length === 0) {
    throw new QueryError(`Field "${selection.name}" of type "${type}" must have a selection of subfields`)
  }
  if (!isObject && value !== null && selection.fields.length > 0) {
    throw new QueryError(`Field "${selection.name}" of type "${type}" has no subfields`)
  }
  return isObject ? select(value as Named, selection.fields, (value as Named)[named]) : value
}
