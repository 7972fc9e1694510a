/** Where the twelve steps look. Addresses hold neither names nor passwords. */
export interface Places {
  readonly nginx: string
  readonly oauth2: string
  readonly postgres: string
  readonly mariadb: string
  readonly sqlite: string
  readonly sftp: string
  readonly s3: { readonly url: string; readonly endpoint: string }
  readonly host: string
}

export const STEP_KEYS = [
  'front',
  'site',
  'account',
  'partner',
  'order',
  'ledger',
  'warehouse',
  'till',
  'label',
  'archive',
  'door',
  'load',
] as const
type StepKey = (typeof STEP_KEYS)[number]

const PATIENT_SECONDS = 90

/** Times are long ones, for a busy machine: no step needs them. */
const step = (key: StepKey, checkType: string, checkConfiguration: object) => ({
  ...{ stepName: `Look at the ${key}`, key, checkType, checkConfiguration, timeoutSeconds: PATIENT_SECONDS },
})

const equals = (of: string, path: string, value: string | number) => ({ of, path, is: 'equals', value })

const ORDER = '{{steps.order.id}}'
const byCode = 'SELECT id FROM orders WHERE pickup_code = ?'

function pagesAndCalls(places: Places) {
  return [
    step('front', 'web_page', {
      url: `${places.nginx}/`,
      assertions: [
        { of: 'status', is: 'equals', value: 200 },
        { of: 'body', is: 'equals', value: 'here' },
      ],
      extract: { server: { of: 'header', path: 'server' } },
    }),
    step('site', 'web_page', {
      url: '{{demo.url}}/',
      crawl: { pagesMax: 20, depthMax: 2, mustContain: 'Demo back office', ignore: ['/account$'] },
      assertions: [{ of: 'broken_links', is: 'at_most', value: 1 }],
    }),
    step('account', 'web_browser', {
      url: '{{demo.url}}/login',
      credential: 'shop',
      actions: [
        { do: 'fill', selector: 'input[name=username]', value: '{{credential.username}}' },
        { do: 'fill', selector: 'input[name=password]', value: '{{credential.password}}' },
        { do: 'click', selector: 'main button' },
        { do: 'wait_for_url', url: '**/account' },
      ],
      assertions: [equals('text', '#greeting', 'Signed in as demo')],
    }),
    step('partner', 'rest', {
      url: `${places.oauth2}/resource`,
      credential: 'partner',
      headers: { 'x-seen-before': '{{steps.front.server}}' },
      assertions: [equals('json', '$.client', 'driftline'), equals('json', '$.scope', 'read')],
    }),
    step('order', 'graphql', {
      url: '{{demo.url}}/graphql',
      query: '{ orders(status: "open", first: 1) { id amount customer { name } } }',
      assertions: [{ of: 'json', path: '$.data.orders[0].amount', is: 'more_than', value: 0 }],
      extract: { id: { of: 'json', path: '$.data.orders[0].id' } },
    }),
  ]
}

function databases(places: Places, rows: number) {
  const oneRow = [{ of: 'rows', is: 'equals', value: 1 }, equals('column', 'id', ORDER)]
  return [
    step('ledger', 'sql', {
      url: places.postgres,
      credential: 'reader',
      query: 'SELECT pickup_code FROM orders WHERE id = $1',
      parameters: [ORDER],
      assertions: [{ of: 'rows', is: 'equals', value: 1 }],
      extract: { code: { of: 'column', path: 'pickup_code', secret: true } },
    }),
    step('warehouse', 'sql', {
      url: places.mariadb,
      credential: 'reader',
      query: byCode,
      parameters: ['{{steps.ledger.code}}'],
      assertions: [{ of: 'rows', is: 'equals', value: rows }, equals('column', 'id', ORDER)],
    }),
    step('till', 'sql', {
      url: places.sqlite,
      query: byCode,
      parameters: ['{{steps.ledger.code}}'],
      assertions: oneRow,
    }),
  ]
}

function filesAndRest(places: Places) {
  const packed = [equals('json', '$.state', 'packed'), equals('json', '$.id', ORDER)]
  return [
    step('label', 'file', { url: `${places.sftp}/${ORDER}.json`, credential: 'carrier', assertions: packed }),
    step('archive', 'file', {
      url: `${places.s3.url}/${ORDER}.json`,
      endpoint: places.s3.endpoint,
      credential: 'archive',
      assertions: packed,
    }),
    step('door', 'tcp', {
      host: new URL(places.sftp).hostname,
      port: Number(new URL(places.sftp).port),
      readBytes: 8,
      assertions: [{ of: 'banner', is: 'equals', value: 'SSH-2.0-' }],
    }),
    step('load', 'metric', {
      process: `host:${places.host}`,
      metric: 'system.cpu.utilization',
      waitSeconds: PATIENT_SECONDS - 30,
      assertions: [{ of: 'value', is: 'at_least', value: 0 }],
    }),
  ]
}

/**
 * From a shop's door to its warehouse. The order that GraphQL names is looked for in every store; the code that
 * PostgreSQL gives for it is a secret, by which MariaDB and SQLite find the order. `rows` is what MariaDB has to answer.
 */
export function twelveSteps(name: string, places: Places, rows: number) {
  return { name, steps: [...pagesAndCalls(places), ...databases(places, rows), ...filesAndRest(places)] }
}
