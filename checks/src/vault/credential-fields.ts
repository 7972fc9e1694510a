import { createPrivateKey, X509Certificate } from 'node:crypto'
import { AppError } from '@driftline/platform/errors'
import { type CredentialKind, credentialKinds, shownFields } from './credential-kinds.ts'
import { isWider, readHostPattern } from './host-patterns.ts'

/** What is wrong with a credential, and where: the path of the field, joined by dots. Never with a value. */
export interface CredentialProblem {
  readonly path: string
  readonly message: string
}

/** A credential that cannot be stored; the message is for people. Its code is `value_invalid`. */
export class InvalidCredentialError extends AppError {
  readonly problems: readonly CredentialProblem[]

  constructor(problems: readonly CredentialProblem[]) {
    super('value_invalid', problems.map(({ path, message }) => `${path}: ${message}`).join('; '))
    this.problems = problems
  }
}

export type CredentialFields = Readonly<Record<string, string>>
/** As typed: what is left out stays, `null` and the empty text take an optional field away. */
export type TypedFields = Readonly<Record<string, string | null | undefined>>

const HOSTS_MAX = 50
const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}$/
const ABOUT_LENGTH_MAX = 1000

export const isCredentialKind = (kind: string): kind is CredentialKind => Object.hasOwn(credentialKinds, kind)

/** Names of the fields of a kind that are secrets. */
export function secretFields(kind: CredentialKind): readonly string[] {
  return Object.keys(credentialKinds[kind].shape).filter((name) => !shownFields[kind].includes(name))
}

/** Errors: InvalidCredentialError. */
export function validName(name: string): string {
  const trimmed = name.trim()
  if (NAME.test(trimmed)) return trimmed
  const message = 'must be 1 to 100 letters, digits, spaces, dots, dashes, underscores or @, a letter or digit first'
  throw new InvalidCredentialError([{ path: 'name', message }])
}

/** Errors: InvalidCredentialError. */
export function validAbout(about: string): string {
  if (about.length <= ABOUT_LENGTH_MAX) return about
  throw new InvalidCredentialError([{ path: 'about', message: `must have at most ${ABOUT_LENGTH_MAX} characters` }])
}

/** Errors: InvalidCredentialError. */
export function validHosts(hosts: readonly string[]): string[] {
  const problems: CredentialProblem[] = []
  const patterns = new Set<string>()
  for (const [index, host] of hosts.entries()) {
    const pattern = readHostPattern(host)
    if (pattern !== null) patterns.add(pattern)
    else problems.push({ path: `hosts.${index}`, message: 'must be a host, or *. and a domain for all hosts below it' })
  }
  if (patterns.size === 0 && problems.length === 0) {
    problems.push({ path: 'hosts', message: 'Name at least one host that may see it' })
  }
  if (patterns.size > HOSTS_MAX) problems.push({ path: 'hosts', message: `must be at most ${HOSTS_MAX}` })
  if (problems.length > 0) throw new InvalidCredentialError(problems)
  return [...patterns]
}

/** Complete fields with their defaults. Errors: InvalidCredentialError. */
export function validFields(kind: CredentialKind, typed: TypedFields): CredentialFields {
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== null && value !== ''))
  const parsed = credentialKinds[kind].safeParse(given)
  if (!parsed.success) throw new InvalidCredentialError(parsed.error.issues.slice(0, 20).flatMap(problemsOf))
  const fields = parsed.data as CredentialFields
  const problems = checks[kind]?.(fields) ?? []
  if (problems.length > 0) throw new InvalidCredentialError(problems)
  return fields
}

function problemsOf(issue: { code?: string; path: readonly PropertyKey[]; message: string; keys?: readonly string[] }) {
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) => ({ path: `fields.${key}`, message: 'is no field of this kind' }))
  }
  const isMissing = issue.code === 'invalid_type' && issue.message.includes('received undefined')
  return [{ path: ['fields', ...issue.path.map(String)].join('.'), message: isMissing ? 'is needed' : issue.message }]
}

/** What may not change unless the secrets are typed again: where they are sent to. */
const addressFields: Partial<Record<CredentialKind, readonly string[]>> = {
  oauth2: ['tokenUrl'],
  form_login: ['loginUrl'],
}

/**
 * Fields after a change. Secrets that nobody may read are not sent to places that somebody else names: with further
 * hosts or another address every secret has to be typed again. Errors: InvalidCredentialError.
 */
export function changedFields(
  kind: CredentialKind,
  before: { readonly hosts: readonly string[]; readonly fields: CredentialFields },
  after: { readonly hosts: readonly string[]; readonly typed: TypedFields },
): CredentialFields {
  const typed = Object.fromEntries(Object.entries(after.typed).filter(([, value]) => value !== undefined))
  const moved = (addressFields[kind] ?? []).some((name) => name in typed && typed[name] !== before.fields[name])
  if (moved || isWider(before.hosts, after.hosts)) {
    const kept = secretFields(kind).filter((name) => before.fields[name] && !(name in typed))
    const why = moved ? 'the address changed' : 'more hosts may see it'
    const message = `Type it again: ${why}, and it was given for others`
    if (kept.length > 0) throw new InvalidCredentialError(kept.map((name) => ({ path: `fields.${name}`, message })))
  }
  return validFields(kind, { ...before.fields, ...typed })
}

type Check = (fields: CredentialFields) => CredentialProblem[]

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a header.
const UNSENDABLE = /[\u0000-\u001f\u007f]/

const sendable =
  (...names: string[]): Check =>
  (fields) =>
    names.flatMap((name) =>
      UNSENDABLE.test(fields[name] ?? '')
        ? [{ path: `fields.${name}`, message: 'must not contain control characters, such as a line break' }]
        : [],
    )

const httpAddress =
  (name: string): Check =>
  (fields) => {
    const url = URL.canParse(fields[name]!) ? new URL(fields[name]!) : null
    if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return []
    return [{ path: `fields.${name}`, message: 'must be an http or https address without user name and password' }]
  }

/** What a schema cannot say of a kind. */
const checks: Partial<Record<CredentialKind, Check>> = {
  basic: (fields) => [
    ...sendable('username', 'password')(fields),
    ...(fields['username']!.includes(':') ? [{ path: 'fields.username', message: 'must not contain a colon' }] : []),
  ],
  bearer: sendable('token'),
  api_key: (fields) => [
    ...sendable('value')(fields),
    ...(fields['in'] === 'header' && !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(fields['name']!)
      ? [{ path: 'fields.name', message: 'must be the name of a header, such as X-Api-Key' }]
      : []),
  ],
  oauth2: httpAddress('tokenUrl'),
  form_login: httpAddress('loginUrl'),
  client_certificate: checkCertificate,
  ssh_key: (fields) => [
    ...(/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(fields['privateKey']!.trim())
      ? []
      : [{ path: 'fields.privateKey', message: 'must be a private key in PEM or OpenSSH form' }]),
    ...(/^(SHA256:[A-Za-z0-9+/=]{43,44})?$/.test(fields['hostKey']!)
      ? []
      : [{ path: 'fields.hostKey', message: 'must be a fingerprint such as SHA256:..., as ssh-keygen -l shows it' }]),
  ],
}

function checkCertificate({ certificate, key, passphrase }: CredentialFields): CredentialProblem[] {
  let read: X509Certificate
  try {
    read = new X509Certificate(certificate!)
  } catch {
    return [{ path: 'fields.certificate', message: 'must be a certificate in PEM form' }]
  }
  try {
    const opened = createPrivateKey({ key: key!, format: 'pem', ...(passphrase === '' ? {} : { passphrase }) })
    if (read.checkPrivateKey(opened)) return []
    return [{ path: 'fields.key', message: 'does not belong to the certificate' }]
  } catch {
    return [{ path: 'fields.key', message: 'must be a private key in PEM form that the passphrase opens' }]
  }
}
