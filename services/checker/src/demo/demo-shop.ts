import { answerGraphql } from './demo-graphql.ts'
import {
  aboutPage,
  accountPage,
  homePage,
  invoicePage,
  invoicesPage,
  loginPage,
  orderPage,
  ordersPage,
  problemPage,
} from './demo-pages.ts'
import { type Invoice, invoiceOf, invoices, orderOf, orders } from './demo-records.ts'
import { type DemoAnswer, type DemoRequest, html, json, objectOf, problem } from './demo-request.ts'
import { createDemoSessions, type DemoSessions, mayEnter } from './demo-sessions.ts'

/** Answers every request: an address that it does not know is a page that is missing. */
export interface DemoShop {
  answer(request: DemoRequest): DemoAnswer
}

/** What was posted to the ledger. */
interface Entry {
  readonly entry: string
  readonly reference: string
  readonly invoice: string
  readonly amount: number
  readonly status: 'posted'
  readonly postedAt: string
}

interface Shop {
  readonly nowMs: () => number
  /** Of people, by cookie, and of programs, by token. */
  readonly sessions: DemoSessions
  readonly tokens: DemoSessions
  /** Forms that were shown, by the cookie that came with them. */
  readonly forms: Map<string, string>
  readonly journal: Map<string, Entry>
  entries: number
}

type Handle = (shop: Shop, request: DemoRequest) => DemoAnswer
type Route = readonly [method: string, path: RegExp, handle: Handle]

/** Kept at most; the oldest goes first. */
const JOURNAL_MAX = 1000
const FORMS_MAX = 1000
const PAGE_ROWS = 100
const SESSION_COOKIE = 'demo_session'
const FORM_COOKIE = 'demo_form'

export function createDemoShop(nowMs: () => number): DemoShop {
  const shop: Shop = {
    nowMs,
    sessions: createDemoSessions(),
    tokens: createDemoSessions(),
    forms: new Map(),
    journal: new Map(),
    entries: 0,
  }
  return { answer: (request) => answer(shop, request) }
}

function answer(shop: Shop, request: DemoRequest): DemoAnswer {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  let isKnown = false
  for (const [routeMethod, path, handle] of routes) {
    const match = path.exec(request.path)
    if (match === null) continue
    if (routeMethod === method) return handle(shop, { ...request, caught: match.slice(1) })
    isKnown = true
  }
  const [status, words] = isKnown ? [405, `${method} is not for this address`] : [404, 'There is nothing here']
  return request.path.startsWith('/api/') ? problem(status, words) : html(status, problemPage(status, words))
}

const shown = (page: () => string): Handle => {
  return () => html(200, page())
}

/** What programs may ask only with the token that signing in gave them. */
const withToken = (handle: Handle): Handle => {
  return (shop, request) => (shop.tokens.has(request.token) ? handle(shop, request) : refused)
}
const refused = problem(401, 'Sign in with POST /api/session and send its token')

const routes: readonly Route[] = [
  ['GET', /^\/$/, shown(homePage)],
  ['GET', /^\/orders$/, shown(ordersPage)],
  ['GET', /^\/orders\/([^/]+)$/, pageOf(orderOf, orderPage, 'There is no such order')],
  ['GET', /^\/invoices$/, shown(invoicesPage)],
  ['GET', /^\/invoices\/([^/]+)$/, pageOf(findInvoice, invoicePage, 'There is no such invoice')],
  ['GET', /^\/about$/, shown(aboutPage)],
  ['GET', /^\/login$/, (shop) => askToEnter(shop, 200, '')],
  ['POST', /^\/login$/, enter],
  ['POST', /^\/logout$/, leave],
  ['GET', /^\/account$/, account],
  ['GET', /^\/robots\.txt$/, robots],
  ['GET', /^\/healthz$/, () => json(200, { status: 'ok' })],
  ['POST', /^\/graphql$/, graphql],
  ['POST', /^\/api\/session$/, openSession],
  ['GET', /^\/api\/orders$/, withToken((_, { query }) => listOrders(query))],
  ['GET', /^\/api\/orders\/([^/]+)$/, withToken((_, { caught }) => found(orderOf(caught[0]!)))],
  ['POST', /^\/api\/invoices$/, withToken(issueInvoice)],
  ['GET', /^\/api\/invoices\/([^/]+)$/, withToken((_, { caught }) => found(findInvoice(caught[0]!)))],
  ['POST', /^\/api\/journal$/, withToken(post)],
  ['GET', /^\/api\/journal\/([^/]+)$/, withToken(({ journal }, { caught }) => found(journal.get(caught[0]!)))],
]

function pageOf<Row>(find: (id: string) => Row | undefined, page: (row: Row) => string, missing: string): Handle {
  return (_, { caught }) => {
    const row = find(caught[0]!)
    return row === undefined ? html(404, problemPage(404, missing)) : html(200, page(row))
  }
}

const found = (row: object | undefined): DemoAnswer =>
  row === undefined ? problem(404, 'There is no such record') : json(200, row)

/** Of any order, once somebody asked to issue it. */
function findInvoice(id: string): Invoice | undefined {
  const known = invoices.find((invoice) => invoice.id === id)
  if (known !== undefined) return known
  const order = orderOf(id.replace(/^I-/, 'O-'))
  return order === undefined ? undefined : invoiceOf(order)
}

const cookie = (name: string, value: string): string => `${name}=${value}; Path=/; HttpOnly; SameSite=Lax`

function askToEnter({ forms }: Shop, status: number, words: string): DemoAnswer {
  const [key, csrf] = [crypto.randomUUID(), crypto.randomUUID()]
  if (forms.size >= FORMS_MAX) forms.delete(forms.keys().next().value!)
  forms.set(key, csrf)
  return html(status, loginPage(csrf, words), { 'set-cookie': [cookie(FORM_COOKIE, key)] })
}

function enter(shop: Shop, { body, cookies }: DemoRequest): DemoAnswer {
  const fields = new URLSearchParams(body)
  const key = cookies.get(FORM_COOKIE) ?? ''
  const csrf = shop.forms.get(key)
  shop.forms.delete(key)
  if (csrf === undefined || fields.get('csrf') !== csrf) return askToEnter(shop, 403, 'The form is too old: try again')
  if (!mayEnter(fields.get('username'), fields.get('password'))) {
    return askToEnter(shop, 401, 'User name or password is wrong')
  }
  return {
    status: 303,
    headers: { location: '/account', 'set-cookie': [cookie(SESSION_COOKIE, shop.sessions.open())] },
    body: '',
  }
}

function leave({ sessions }: Shop, { cookies }: DemoRequest): DemoAnswer {
  sessions.end(cookies.get(SESSION_COOKIE))
  return { status: 303, headers: { location: '/' }, body: '' }
}

function account({ sessions }: Shop, { cookies }: DemoRequest): DemoAnswer {
  if (sessions.has(cookies.get(SESSION_COOKIE))) return html(200, accountPage())
  return { status: 302, headers: { location: '/login' }, body: '' }
}

function robots(): DemoAnswer {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'User-agent: *\nDisallow: /private\n' }
}

function graphql(_: Shop, request: DemoRequest): DemoAnswer {
  const asked = objectOf(request)
  if (asked === null) return json(400, { errors: [{ message: 'The body must be a JSON object' }] })
  return json(200, answerGraphql(asked.query, asked.variables))
}

function openSession({ tokens }: Shop, request: DemoRequest): DemoAnswer {
  const asked = objectOf(request)
  if (asked === null) return problem(400, 'The body must be a JSON object')
  if (!mayEnter(asked.username, asked.password)) return problem(401, 'User name or password is wrong')
  return json(201, { token: tokens.open(), tokenType: 'Bearer' })
}

function listOrders(query: URLSearchParams): DemoAnswer {
  const status = query.get('status')
  const limit = Number(query.get('limit') ?? PAGE_ROWS)
  if (!Number.isInteger(limit) || limit < 1) return problem(400, 'limit must be a number from 1')
  const wanted = orders.filter((order) => status === null || order.status === status)
  return json(200, { items: wanted.slice(0, Math.min(PAGE_ROWS, limit)), total: wanted.length })
}

function issueInvoice(_: Shop, request: DemoRequest): DemoAnswer {
  const order = orderOf(String(objectOf(request)?.order))
  return order === undefined ? problem(422, 'order must be the id of an order') : json(201, invoiceOf(order))
}

/** The same reference is posted once, however often it comes. */
function post(shop: Shop, request: DemoRequest): DemoAnswer {
  const asked = objectOf(request)
  const reference = String(asked?.reference ?? '')
  const invoice = findInvoice(String(asked?.invoice))
  if (reference === '' || reference.length > 200) return problem(422, 'reference must be a text of 1 to 200 characters')
  if (invoice === undefined) return problem(422, 'invoice must be the id of an invoice')
  if (Number(asked?.amount) !== invoice.amount) {
    return problem(422, `amount must be ${invoice.amount}, as on invoice ${invoice.id}`)
  }
  const { journal } = shop
  const known = [...journal.values()].find((entry) => entry.reference === reference)
  if (known !== undefined) return json(200, known)
  if (journal.size >= JOURNAL_MAX) journal.delete(journal.keys().next().value!)
  shop.entries += 1
  const entry: Entry = {
    entry: `J-${shop.entries}`,
    reference,
    invoice: invoice.id,
    amount: invoice.amount,
    status: 'posted',
    postedAt: new Date(shop.nowMs()).toISOString(),
  }
  journal.set(entry.entry, entry)
  return json(201, entry)
}
