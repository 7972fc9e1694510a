import type { z } from 'zod'
import { graphqlConfig, restConfig } from './api.ts'
import { logConfig, metricConfig, mqttConfig } from './known.ts'
import { dnsConfig, tcpConfig, tlsConfig } from './network.ts'
import { fileConfig, sqlConfig } from './stores.ts'
import { webBrowserConfig, webPageConfig } from './web.ts'

/** What a check type takes. What it does stands in the checker, one folder each. */
interface CheckTypeShape<Schema extends z.ZodType = z.ZodType> {
  readonly title: string
  readonly schema: Schema
  readonly timeoutSeconds: number
  /** Facts that assertions and extractions may be about; null for any. */
  readonly facts: readonly string[]
  /** What is checked, in a few words without secrets: `GET crm.example/v2/customers`. Takes the raw configuration. */
  readonly target: (config: Readonly<Record<string, unknown>>) => string
}

const WEB_SECONDS = 30
const DATABASE_SECONDS = 5

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

/** Without scheme, userinfo, query and fragment: those may hold what is not for everybody. */
const place = (url: unknown): string =>
  text(url)
    .replace(/^[a-z0-9+.-]+:\/\//i, '')
    .replace(/^[^/@]*@/, '')
    .replace(/[?#].*$/, '')

const type = <Schema extends z.ZodType>(shape: CheckTypeShape<Schema>): CheckTypeShape<Schema> => shape

/** Every check type by its name. Adding one is a line here, a schema beside it, and a folder in the checker. */
export const checkTypes = {
  web_page: type({
    title: 'Web page',
    schema: webPageConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: [
      'status',
      'latency',
      'header',
      'title',
      'text',
      'count',
      'attribute',
      'body',
      'url',
      'links',
      'broken_links',
    ],
    target: ({ url }) => place(url),
  }),
  web_browser: type({
    title: 'Page in a browser',
    schema: webBrowserConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: ['status', 'latency', 'title', 'text', 'count', 'attribute', 'url', 'value', 'visible'],
    target: ({ url }) => place(url),
  }),
  sql: type({
    title: 'Database query',
    schema: sqlConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['rows', 'value', 'column', 'age', 'latency'],
    target: ({ url, query }) => `${place(url)}, ${text(query).replace(/\s+/g, ' ').slice(0, 80)}`,
  }),
  rest: type({
    title: 'REST call',
    schema: restConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: ['status', 'latency', 'header', 'json', 'body', 'url'],
    target: ({ method, url }) => `${text(method) || 'GET'} ${place(url)}`,
  }),
  graphql: type({
    title: 'GraphQL query',
    schema: graphqlConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: ['status', 'latency', 'header', 'json', 'errors', 'body'],
    target: ({ url }) => place(url),
  }),
  file: type({
    title: 'File',
    schema: fileConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: ['exists', 'count', 'size', 'age', 'sha256', 'content', 'json', 'line', 'name'],
    target: ({ url }) => text(url).replace(/\/\/[^/@]*@/, '//'),
  }),
  mqtt: type({
    title: 'MQTT value',
    schema: mqttConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['value', 'age'],
    target: ({ process, metric }) => `${text(process)} ${text(metric)}`,
  }),
  log: type({
    title: 'Log condition',
    schema: logConfig,
    timeoutSeconds: WEB_SECONDS,
    facts: ['count', 'line', 'field'],
    target: ({ process, contains }) => [text(process), text(contains)].filter(Boolean).join(', '),
  }),
  metric: type({
    title: 'Metric condition',
    schema: metricConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['value', 'count', 'age'],
    target: ({ process, metric }) => `${text(process)} ${text(metric)}`,
  }),
  tcp: type({
    title: 'TCP connection',
    schema: tcpConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['banner', 'latency'],
    target: ({ host, port }) => `${text(host)}:${text(port)}`,
  }),
  dns: type({
    title: 'Name look-up',
    schema: dnsConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['records', 'count', 'latency'],
    target: ({ name, type }) => `${text(type) || 'A'} ${text(name)}`,
  }),
  tls: type({
    title: 'TLS certificate',
    schema: tlsConfig,
    timeoutSeconds: DATABASE_SECONDS,
    facts: ['days_left', 'issuer', 'subject', 'names', 'protocol', 'trusted', 'fingerprint'],
    target: ({ host, port }) => `${text(host)}:${text(port) || '443'}`,
  }),
} as const

export type CheckTypeName = keyof typeof checkTypes
export const checkTypeNames = Object.keys(checkTypes) as readonly CheckTypeName[]

/** A type's configuration, with its defaults. */
export type CheckConfigOf<Name extends CheckTypeName> = z.infer<(typeof checkTypes)[Name]['schema']>

/** Names that people know from elsewhere. */
export const checkTypeAliases: Readonly<Record<string, CheckTypeName>> = {
  web_crawl: 'web_page',
  db_query: 'sql',
  api_call: 'rest',
}
