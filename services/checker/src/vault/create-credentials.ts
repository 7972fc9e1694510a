import { secretFields } from '@driftline/checks/vault/credential-fields'
import type { CredentialStore, OpenedCredential } from '@driftline/checks/vault/credential-store'
import { isHostOf } from '@driftline/checks/vault/host-patterns'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Logger } from '@driftline/platform/logger'
import { CheckFailure } from '../check-type.ts'
import type { GuardedHttp } from '../net/guarded-http.ts'
import type { ClientIdentity, Credentials, CredentialUse, RequestAuth, RequestUse } from './credentials.ts'
import { createFormLogins } from './form-login.ts'
import { createOauthTokens } from './oauth-tokens.ts'

export interface CredentialsDeps {
  readonly store: Pick<CredentialStore, 'openFor' | 'used'>
  readonly http: GuardedHttp
  readonly clock: Clock
  readonly logger: Logger
}

const USED_EVERY_MS = 60_000
const USED_MAX = 10_000

const NOTHING: RequestAuth = { headers: {}, query: {}, identity: null }

/** The vault for checks: credentials are read when a step asks for them and kept nowhere; tokens in memory only. */
export function createCredentials(deps: CredentialsDeps): Credentials {
  const { store, clock, logger } = deps
  const tokens = createOauthTokens(deps)
  const logins = createFormLogins(deps)
  const usedAt = new Map<string, number>()

  const noteUse = (tenant: string, opened: OpenedCredential): void => {
    const now = clock.nowMs()
    if (now - (usedAt.get(opened.id) ?? Number.NEGATIVE_INFINITY) < USED_EVERY_MS) return
    if (usedAt.size >= USED_MAX) usedAt.clear()
    usedAt.set(opened.id, now)
    store.used(tenant, opened).catch((error: unknown) => {
      usedAt.delete(opened.id)
      logger.warn({ component: 'credentials', credential: opened.name, error }, 'the use of a credential is not noted')
    })
  }

  const openFor = async (name: string, host: string, use: CredentialUse): Promise<OpenedCredential> => {
    const opened = await read(store, use.tenant, name)
    if (!isHostOf(opened.hosts, host)) {
      const hint = 'Name another credential, or let an administrator add the host under Settings, Credentials'
      const message = `The credential ${name} is not for ${host}: it is for ${opened.hosts.join(', ')}`
      throw new CheckFailure('credential_not_for_host', message, { hint, retry: 'never' })
    }
    for (const field of secretFields(opened.kind)) if (opened.fields[field]) use.secret(opened.fields[field])
    if (opened.kind === 'basic') use.secret(basicOf(opened))
    noteUse(use.tenant, opened)
    return opened
  }

  return {
    async open(name, use) {
      const { kind, fields } = await openFor(name, use.host, use)
      return { kind, name, fields }
    },

    async forRequest(name, url, use) {
      const opened = await openFor(name, hostOf(url), use)
      return authOf(opened, use)
    },

    refused(tenant, name) {
      tokens.forget(tenant, name)
      logins.forget(tenant, name)
    },
  }

  async function authOf(opened: OpenedCredential, use: CredentialUse & RequestUse): Promise<RequestAuth> {
    const { fields } = opened
    switch (opened.kind) {
      case 'basic':
        return { ...NOTHING, headers: { authorization: `Basic ${basicOf(opened)}` } }
      case 'bearer':
        return { ...NOTHING, headers: { authorization: `Bearer ${fields['token']}` } }
      case 'api_key': {
        const given = { [fields['name']!]: fields['value']! }
        return fields['in'] === 'query' ? { ...NOTHING, query: given } : { ...NOTHING, headers: given }
      }
      case 'oauth2':
        return { ...NOTHING, headers: { authorization: `Bearer ${await tokens.tokenOf(opened, use)}` } }
      case 'form_login':
        await logins.signIn(opened, use)
        return NOTHING
      case 'client_certificate':
        return { ...NOTHING, identity: identityOf(opened) }
      default: {
        const message = `The credential ${opened.name} is of kind ${opened.kind}, which requests over HTTP cannot use`
        throw new CheckFailure('config_invalid', message, { hint: 'Name a credential of another kind', retry: 'never' })
      }
    }
  }
}

async function read(store: CredentialsDeps['store'], tenant: string, name: string): Promise<OpenedCredential> {
  try {
    const opened = await store.openFor(tenant, name)
    if (opened !== null) return opened
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'secret_unreadable')) throw error
    const message = `The credential ${name} cannot be opened: ${error.message}`
    const hint = 'Type it again under Settings, Credentials'
    throw new CheckFailure('credential_unreadable', message, { hint, retry: 'never', cause: error })
  }
  const hint = 'Add it under Settings, Credentials, or name another one'
  throw new CheckFailure('credential_unknown', `There is no credential ${name}`, { hint, retry: 'never' })
}

function basicOf({ fields }: OpenedCredential): string {
  return Buffer.from(`${fields['username']}:${fields['password']}`).toString('base64')
}

function identityOf({ fields }: OpenedCredential): ClientIdentity {
  const { certificate, key, passphrase, authorities } = fields
  return {
    certificate: certificate!,
    key: key!,
    ...(passphrase ? { passphrase } : {}),
    ...(authorities ? { authorities } : {}),
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : ''
}
