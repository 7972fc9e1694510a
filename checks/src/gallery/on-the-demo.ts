import type { GalleryExample } from './gallery.ts'

const withToken = { authorization: 'Bearer {{steps.sign_in.token}}' }

/** From an order to its entry in the ledger, each step with what the one before it found. */
export const invoiceToCash: GalleryExample = {
  id: 'invoice-to-cash',
  title: 'Invoice to cash',
  about: 'Seven steps over the bundled demo shop: a page, a sign-in, REST, GraphQL, an invoice and its posting.',
  needs: [],
  definition: {
    name: 'Invoice to cash',
    description: 'An order is taken, invoiced and posted to the ledger, in the shop that comes with Driftline.',
    category: 'Finance',
    tags: ['example', 'demo'],
    schedules: [{ everySeconds: 60 }],
    timeoutSeconds: 120,
    steps: [
      {
        stepName: 'Order desk opens',
        key: 'desk',
        checkType: 'web_page',
        checkConfiguration: {
          url: '{{demo.url}}/orders',
          assertions: [
            { of: 'title', is: 'equals', value: 'Orders' },
            { of: 'count', path: '#orders .order', is: 'at_least', value: 1 },
          ],
        },
      },
      {
        stepName: 'Sign in',
        checkType: 'rest',
        checkConfiguration: {
          url: '{{demo.url}}/api/session',
          method: 'POST',
          json: { username: 'demo', password: 'demo' },
          assertions: [{ of: 'status', is: 'equals', value: 201 }],
          extract: { token: { of: 'json', path: '$.token', secret: true } },
        },
      },
      {
        stepName: 'Order received',
        key: 'order',
        checkType: 'rest',
        checkConfiguration: {
          url: '{{demo.url}}/api/orders',
          query: { status: 'open', limit: '1' },
          headers: withToken,
          assertions: [
            { of: 'json', path: '$.total', is: 'at_least', value: 1 },
            { of: 'json', path: '$.items[0].status', is: 'equals', value: 'open' },
          ],
          extract: { id: { of: 'json', path: '$.items[0].id' } },
        },
      },
      {
        stepName: 'Customer has credit',
        key: 'customer',
        checkType: 'graphql',
        checkConfiguration: {
          url: '{{demo.url}}/graphql',
          query: 'query Customer($id: ID!) { order(id: $id) { id amount customer { name creditLimit } } }',
          variables: { id: '{{steps.order.id}}' },
          assertions: [
            { of: 'json', path: '$.data.order.id', is: 'equals', value: '{{steps.order.id}}' },
            { of: 'json', path: '$.data.order.customer.creditLimit', is: 'at_least', value: 1000 },
          ],
          extract: { name: { of: 'json', path: '$.data.order.customer.name' } },
        },
      },
      {
        stepName: 'Invoice issued',
        key: 'invoice',
        checkType: 'rest',
        checkConfiguration: {
          url: '{{demo.url}}/api/invoices',
          method: 'POST',
          headers: withToken,
          json: { order: '{{steps.order.id}}' },
          schema: {
            type: 'object',
            required: ['id', 'amount', 'currency'],
            properties: { id: { type: 'string' }, amount: { type: 'number' }, currency: { const: 'EUR' } },
          },
          assertions: [{ of: 'status', is: 'equals', value: 201 }],
          extract: { id: { of: 'json', path: '$.id' }, amount: { of: 'json', path: '$.amount' } },
        },
      },
      {
        stepName: 'Posted to ledger',
        key: 'ledger',
        description: 'The reference is the run’s own, so that a repeated attempt posts nothing twice.',
        checkType: 'rest',
        checkConfiguration: {
          url: '{{demo.url}}/api/journal',
          method: 'POST',
          headers: withToken,
          json: { invoice: '{{steps.invoice.id}}', amount: '{{steps.invoice.amount}}', reference: '{{run.id}}' },
          assertions: [{ of: 'status', is: 'one_of', value: [200, 201] }],
          extract: { entry: { of: 'json', path: '$.entry' } },
        },
      },
      {
        stepName: 'Ledger agrees',
        key: 'agrees',
        checkType: 'rest',
        checkConfiguration: {
          url: '{{demo.url}}/api/journal/{{steps.ledger.entry}}',
          headers: withToken,
          assertions: [
            { of: 'json', path: '$.status', is: 'equals', value: 'posted' },
            { of: 'json', path: '$.reference', is: 'equals', value: '{{run.id}}' },
            { of: 'latency', is: 'less_than', value: 5000 },
          ],
        },
      },
    ],
  },
}

/** Follows the links of the demo shop, which has one that leads nowhere. */
export const demoCrawl: GalleryExample = {
  id: 'demo-crawl',
  title: 'Crawl of a site',
  about: 'Follows the links of the bundled demo shop, wants its footer on each page, and counts what is broken.',
  needs: [],
  definition: {
    name: 'Crawl of the demo shop',
    description: 'The shop has one broken link on purpose, which is allowed for: one more fails the step.',
    category: 'Web',
    tags: ['example', 'demo'],
    schedules: [{ everySeconds: 900 }],
    steps: [
      {
        stepName: 'Pages and links',
        key: 'pages',
        checkType: 'web_page',
        timeoutSeconds: 60,
        checkConfiguration: {
          url: '{{demo.url}}/',
          crawl: { pagesMax: 20, depthMax: 2, mustContain: 'Demo back office', ignore: ['/account$'] },
          assertions: [
            { of: 'count', path: 'main a', is: 'at_least', value: 5 },
            { of: 'broken_links', is: 'at_most', value: 1 },
          ],
        },
      },
    ],
  },
}
