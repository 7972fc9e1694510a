/** What the demo back office knows. Made by rule, so that every start shows the same. */

export interface Customer {
  readonly id: string
  readonly name: string
  readonly country: string
  readonly creditLimit: number
}

export interface Order {
  readonly id: string
  readonly customer: string
  readonly status: 'open' | 'shipped' | 'invoiced'
  readonly amount: number
  readonly currency: 'EUR'
  readonly orderedAt: string
  readonly lines: readonly { readonly article: string; readonly quantity: number; readonly price: number }[]
}

export interface Invoice {
  readonly id: string
  readonly order: string
  readonly amount: number
  readonly currency: 'EUR'
  readonly status: 'issued'
}

const CUSTOMERS: readonly (readonly [name: string, country: string])[] = [
  ['Harbour Tools', 'NL'],
  ['Northfield Dairy', 'IE'],
  ['Lindqvist Optics', 'SE'],
  ['Asha Textiles', 'IN'],
  ['Molino Verde', 'ES'],
]
const ARTICLES: readonly (readonly [article: string, price: number])[] = [
  ['Filter cartridge', 18.5],
  ['Pressure gauge', 64],
  ['Valve block', 245.9],
  ['Seal kit', 7.25],
]
const STATUSES = ['open', 'shipped', 'invoiced'] as const
const ORDERS = 24
const FIRST_ORDER = 1001
const FIRST_DAY_MS = Date.UTC(2026, 0, 5, 8)
const DAY_MS = 86_400_000

export const customers: readonly Customer[] = CUSTOMERS.map(([name, country], at) => ({
  id: `C-${at + 1}`,
  name,
  country,
  creditLimit: 5000 * (at + 1),
}))

export const orders: readonly Order[] = Array.from({ length: ORDERS }, (_, at) => {
  const lines = [0, 1].map((line) => {
    const [article, price] = ARTICLES[(at + line) % ARTICLES.length]!
    return { article, quantity: 1 + ((at * 3 + line) % 7), price }
  })
  return {
    id: `O-${FIRST_ORDER + at}`,
    customer: customers[at % customers.length]!.id,
    status: STATUSES[at % STATUSES.length]!,
    amount: cents(lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0)),
    currency: 'EUR',
    orderedAt: new Date(FIRST_DAY_MS + at * DAY_MS).toISOString(),
    lines,
  }
})

export const orderOf = (id: string): Order | undefined => orders.find((order) => order.id === id)
export const customerOf = (id: string): Customer | undefined => customers.find((customer) => customer.id === id)

/** An order's invoice is always the same one, however often it is asked for. */
export function invoiceOf(order: Order): Invoice {
  const { id, amount, currency } = order
  return { id: `I-${id.slice(2)}`, order: id, amount, currency, status: 'issued' }
}

export const invoices: readonly Invoice[] = orders.filter(({ status }) => status === 'invoiced').map(invoiceOf)

function cents(amount: number): number {
  return Math.round(amount * 100) / 100
}
