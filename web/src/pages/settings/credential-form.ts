import type { CredentialKind } from '../../api/credential-types.ts'

/** A field of a credential as the form shows it. */
export interface FieldWords {
  readonly name: string
  readonly label: string
  /** `secret` is written and never read; `sealed-text` is a secret of several lines. */
  readonly input: 'text' | 'secret' | 'sealed-text' | 'lines' | 'choice'
  readonly hint?: string
  readonly placeholder?: string
  readonly optional?: boolean
  /** What holds when nothing is chosen. */
  readonly fallback?: string
  readonly choices?: readonly { readonly value: string; readonly name: string }[]
}

export interface KindWords {
  readonly name: string
  readonly about: string
  readonly fields: readonly FieldWords[]
}

const username: FieldWords = { name: 'username', label: 'User name', input: 'text' }
const password: FieldWords = { name: 'password', label: 'Password', input: 'secret' }
const passphrase: FieldWords = {
  name: 'passphrase',
  label: 'Passphrase of the key',
  input: 'secret',
  optional: true,
  hint: 'Only where the key has one.',
}

/** Every kind in the order of the menu. */
export const kindWords: Readonly<Record<CredentialKind, KindWords>> = {
  basic: {
    name: 'User name and password',
    about: 'HTTP basic authentication, databases and SFTP.',
    fields: [username, password],
  },
  bearer: {
    name: 'Bearer token',
    about: 'Sent as Authorization: Bearer.',
    fields: [{ name: 'token', label: 'Token', input: 'secret' }],
  },
  api_key: {
    name: 'API key',
    about: 'A key that a header or a parameter of the address carries.',
    fields: [
      {
        name: 'in',
        label: 'Sent in',
        input: 'choice',
        fallback: 'header',
        choices: [
          { value: 'header', name: 'a header' },
          { value: 'query', name: 'the address' },
        ],
      },
      { name: 'name', label: 'Name', input: 'text', placeholder: 'X-Api-Key' },
      { name: 'value', label: 'Key', input: 'secret' },
    ],
  },
  oauth2: {
    name: 'OAuth2 client',
    about: 'Client credentials: a token is fetched, and kept until shortly before it expires.',
    fields: [
      { name: 'tokenUrl', label: 'Token endpoint', input: 'text', placeholder: 'https://id.example/oauth2/token' },
      { name: 'clientId', label: 'Client id', input: 'text' },
      { name: 'clientSecret', label: 'Client secret', input: 'secret' },
      { name: 'scope', label: 'Scope', input: 'text', optional: true, hint: 'Words with spaces between them.' },
      { name: 'audience', label: 'Audience', input: 'text', optional: true },
      {
        name: 'send',
        label: 'The client says who it is in',
        input: 'choice',
        fallback: 'basic',
        choices: [
          { value: 'basic', name: 'a header' },
          { value: 'body', name: 'the body' },
        ],
      },
    ],
  },
  form_login: {
    name: 'Sign-in form',
    about: 'Fills in the form of a page as a person would and keeps the cookies for the run.',
    fields: [
      { name: 'loginUrl', label: 'Page with the form', input: 'text', placeholder: 'https://crm.example/login' },
      username,
      password,
      { name: 'usernameField', label: 'Field of the user name', input: 'text', fallback: 'username' },
      { name: 'passwordField', label: 'Field of the password', input: 'text', fallback: 'password' },
      {
        name: 'successText',
        label: 'Text of the page after a good sign-in',
        input: 'text',
        optional: true,
        hint: 'Without it, the page must not ask for the password again.',
      },
    ],
  },
  client_certificate: {
    name: 'Client certificate',
    about: 'Presented to hosts that ask for one.',
    fields: [
      { name: 'certificate', label: 'Certificate (PEM)', input: 'lines' },
      { name: 'key', label: 'Private key (PEM)', input: 'sealed-text' },
      passphrase,
      {
        name: 'authorities',
        label: 'Authorities to trust (PEM)',
        input: 'sealed-text',
        optional: true,
        hint: 'Besides those that this machine trusts.',
      },
    ],
  },
  ssh_key: {
    name: 'SSH key',
    about: 'For files over SFTP.',
    fields: [
      username,
      { name: 'privateKey', label: 'Private key', input: 'sealed-text' },
      passphrase,
      {
        name: 'hostKey',
        label: 'Fingerprint of the host',
        input: 'text',
        optional: true,
        placeholder: 'SHA256:…',
        hint: 'As ssh-keygen -l shows it; a host with another one is refused.',
      },
    ],
  },
  s3: {
    name: 'S3 access key',
    about: 'For objects in S3-compatible storage.',
    fields: [
      { name: 'accessKeyId', label: 'Access key id', input: 'text' },
      { name: 'secretAccessKey', label: 'Secret access key', input: 'secret' },
      { name: 'sessionToken', label: 'Session token', input: 'secret', optional: true },
    ],
  },
}

export const isSecret = ({ input }: FieldWords): boolean => input === 'secret' || input === 'sealed-text'

export type TypedFields = Record<string, string | null | undefined>

/** What is sent: secrets only when they were typed or taken away, everything else as it stands. */
export function fieldsToSend(kind: CredentialKind, typed: TypedFields): TypedFields {
  const sent: TypedFields = {}
  for (const field of kindWords[kind].fields) {
    const value = typed[field.name]
    if (isSecret(field)) {
      if (value !== undefined) sent[field.name] = value
    } else sent[field.name] = value || field.fallback || null
  }
  return sent
}

/** Names of fields that are needed and empty. */
export function missingFields(kind: CredentialKind, typed: TypedFields, secretsSet: readonly string[]): string[] {
  return kindWords[kind].fields
    .filter((field) => !field.optional && !field.fallback)
    .filter((field) => !typed[field.name] && !(typed[field.name] === undefined && secretsSet.includes(field.name)))
    .map(({ name }) => name)
}
