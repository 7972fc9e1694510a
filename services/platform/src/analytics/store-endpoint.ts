import { AppError } from '../errors.ts'

export interface StoreCredentials {
  readonly username: string
  readonly password: string
}

/** Where ClickHouse answers over HTTP and as whom. Apart, both users are the one that the URL names. */
export interface StoreEndpoint {
  /** Scheme, host and port, without path. */
  readonly url: string
  readonly database: string
  readonly writer: StoreCredentials
  readonly reader: StoreCredentials
}

const DEFAULT_DATABASE = 'driftline'
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Reads `http://user:password@host:8123/database`; the database is `driftline` without a path. Errors: `config_invalid`. */
export function endpointOfUrl(text: string): StoreEndpoint {
  if (!URL.canParse(text)) throw new AppError('config_invalid', 'clickhouse_url is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError('config_invalid', 'clickhouse_url must start with http:// or https://')
  }
  const database = decodeURIComponent(url.pathname.slice(1)) || DEFAULT_DATABASE
  if (!PLAIN_NAME.test(database)) throw new AppError('config_invalid', 'clickhouse_url names no plain database')
  const user = { username: decodeURIComponent(url.username) || 'default', password: decodeURIComponent(url.password) }
  return { url: url.origin, database, writer: user, reader: user }
}
