import { z } from 'zod'

const secret = z.string().min(1).max(20_000)
const word = z.string().min(1).max(2000)
const address = z.string().min(1).max(4000)

/** What each kind of credential holds. All of it is sealed; `shown` fields may be read again by administrators. */
export const credentialKinds = {
  basic: z.strictObject({ username: word, password: secret }),
  bearer: z.strictObject({ token: secret }),
  api_key: z.strictObject({ in: z.enum(['header', 'query']).default('header'), name: word, value: secret }),
  oauth2: z.strictObject({
    tokenUrl: address,
    clientId: word,
    clientSecret: secret,
    scope: z.string().max(2000).default(''),
    audience: z.string().max(2000).default(''),
    send: z.enum(['basic', 'body']).default('basic').describe('How the client says who it is'),
  }),
  form_login: z.strictObject({
    loginUrl: address,
    username: word,
    password: secret,
    usernameField: word.default('username'),
    passwordField: word.default('password'),
    successText: z.string().max(1000).default('').describe('Text of the page after a good sign-in'),
  }),
  client_certificate: z.strictObject({
    certificate: secret,
    key: secret,
    passphrase: z.string().max(1000).default(''),
    authorities: z.string().max(200_000).default(''),
  }),
  ssh_key: z.strictObject({
    username: word,
    privateKey: secret,
    passphrase: z.string().max(1000).default(''),
    hostKey: z.string().max(200).default(''),
  }),
  s3: z.strictObject({ accessKeyId: word, secretAccessKey: secret, sessionToken: z.string().max(10_000).default('') }),
} as const

export type CredentialKind = keyof typeof credentialKinds

/** Fields that are no secrets: shown again, exported with the name of the credential. */
export const shownFields: Readonly<Record<CredentialKind, readonly string[]>> = {
  basic: ['username'],
  bearer: [],
  api_key: ['in', 'name'],
  oauth2: ['tokenUrl', 'clientId', 'scope', 'audience', 'send'],
  form_login: ['loginUrl', 'username', 'usernameField', 'passwordField', 'successText'],
  client_certificate: ['certificate'],
  ssh_key: ['username', 'hostKey'],
  s3: ['accessKeyId'],
}
