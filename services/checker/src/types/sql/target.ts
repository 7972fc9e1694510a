import { X509Certificate } from 'node:crypto'
import type { SqlConfig, SqlEngine } from '@driftline/checks/types/stores'
import { CheckFailure } from '../../check-type.ts'
import type { OpenCredential } from '../../vault/credentials.ts'
import { defaultPorts, type SqlLogin, type SqlTarget } from './engine.ts'

const engines: Readonly<Record<string, SqlEngine>> = {
  postgresql: 'postgresql',
  postgres: 'postgresql',
  mysql: 'mysql',
  mariadb: 'mysql',
  sqlserver: 'sqlserver',
  mssql: 'sqlserver',
  oracle: 'oracle',
  sqlite: 'sqlite',
}

/** Where and what, as the configuration says it. Errors: CheckFailure `config_invalid`. */
export function readTarget({ url, tls }: Pick<SqlConfig, 'url' | 'tls'>): Omit<SqlTarget, 'login'> {
  const scheme = /^([a-z]+):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  const engine = engines[scheme]
  if (engine === undefined) {
    throw invalid(`The URL begins with "${scheme}:", not with postgresql:, mysql:, sqlserver:, oracle: or sqlite:`)
  }
  if (engine === 'sqlite') {
    const path = decoded(url.slice(scheme.length + 1).replace(/^\/\/(?=\/)/, ''))
    if (!path.startsWith('/')) throw invalid('The URL of SQLite is sqlite: followed by an absolute path')
    return { engine, host: '', port: 0, database: path, tls: 'off' }
  }
  // The standard parser knows authorities only of the schemes of the web.
  const parsed = parseUrl(`http${url.slice(scheme.length)}`)
  if (parsed === null || !url.startsWith('//', scheme.length + 1)) {
    throw invalid(`The URL cannot be read; it has the form ${scheme}://host:port/database`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid('The URL holds a user name; put it into a credential under Settings, Credentials')
  }
  const port = /:(\d+)$/.exec(url.slice(scheme.length + 3).split(/[/?#]/)[0]!)?.[1]
  return {
    engine,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: port === undefined ? defaultPorts[engine] : Number(port),
    database: decoded(parsed.pathname.slice(1)),
    tls,
  }
}

function parseUrl(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('The URL holds a % that does not begin an escape')
  }
}

/**
 * Who signs in. A certificate signs in as its common name, which is what PostgreSQL asks of it. Errors: CheckFailure
 * `config_invalid` for a kind of credential that databases do not take.
 */
export function loginOf(credential: OpenCredential): SqlLogin {
  const { fields } = credential
  if (credential.kind === 'basic') {
    return { username: fields['username'] ?? '', password: fields['password'] ?? '', identity: null }
  }
  if (credential.kind !== 'client_certificate') {
    throw invalid(`Databases take credentials of the kinds basic and client_certificate, not ${credential.kind}`)
  }
  const certificate = fields['certificate'] ?? ''
  const identity = {
    certificate,
    key: fields['key'] ?? '',
    ...(fields['passphrase'] ? { passphrase: fields['passphrase'] } : {}),
    ...(fields['authorities'] ? { authorities: fields['authorities'] } : {}),
  }
  return { username: commonName(certificate), password: '', identity }
}

function commonName(certificate: string): string {
  try {
    const name = /^CN=(.+)$/m.exec(new X509Certificate(certificate).subject)?.[1]
    if (name !== undefined) return name
  } catch {
    // Said below: without its key material.
  }
  throw invalid('The certificate of the credential cannot be read, or has no common name to sign in with')
}

export function invalid(message: string): CheckFailure {
  return new CheckFailure('config_invalid', message, { hint: 'Edit the step', retry: 'never' })
}
