import { InvalidCredentialError } from '@driftline/checks/vault/credential-fields'
import {
  CredentialInUseError,
  type CredentialStore,
  type StoredCredential,
} from '@driftline/checks/vault/credential-store'
import type { CredentialUser } from '@driftline/checks/vault/credential-uses'
import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import { rotateSealingKey } from '@driftline/platform/access/key-rotation'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { z } from 'zod'
import type { ActorNames } from '../access/actor-names.ts'
import { pageByKey } from '../http/cursors.ts'
import { ProblemError } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { pageQuery } from '../schemas/common.ts'
import {
  type CredentialItem,
  credential,
  credentialChange,
  credentialCreate,
  credentialList,
  credentialParam,
  removeQuery,
  rotation,
} from './credential-schemas.ts'

const TAG = 'Credentials'

export interface CredentialRouteDeps {
  readonly credentials: CredentialStore
  readonly names: ActorNames
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly clock: Clock
}

export function credentialRoutes(deps: CredentialRouteDeps): AnyRoute[] {
  return [list(deps), create(deps), rotate(deps), one(deps), change(deps), remove(deps)]
}

function list(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/credentials',
    summary: 'Credentials of steps and polls, by name, without their secrets',
    tag: TAG,
    query: pageQuery,
    status: 200,
    response: credentialList,
    async handle({ tenant, query, principal }) {
      const found = await deps.credentials.list(tenant)
      const mayWrite = signedIn(principal).permissions.has('credentials:write')
      const named = found.map(({ name, kind, hosts }) => ({ name, kind, hosts: [...hosts] }))
      const items = mayWrite ? await toItems(deps, tenant, found) : named
      return { body: pageByKey(items, ({ name }) => name, query) }
    },
  })
}

function one(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/credentials/{name}',
    summary: 'One credential without its secrets, and what uses it',
    tag: TAG,
    params: credentialParam,
    status: 200,
    response: credential,
    refusals: [404],
    async handle({ tenant, params }) {
      return { body: await toItem(deps, tenant, await deps.credentials.get(tenant, params.name)) }
    },
  })
}

function create(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/credentials',
    summary: 'Keep a credential; its secrets can be replaced and used, never read',
    tag: TAG,
    body: credentialCreate,
    status: 201,
    response: credential,
    refusals: [409, 413, 415],
    async handle({ tenant, body, principal }) {
      const by = signedIn(principal)
      const { about = '', ...rest } = body
      const made = await translated(deps.credentials.create(tenant, { ...rest, about }, actorOf(by)))
      return { body: await told(deps, by, made) }
    },
  })
}

function change(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'put',
    path: '/api/v1/credentials/{name}',
    summary: 'Change a credential; secret fields that are left out stay as they are',
    tag: TAG,
    params: credentialParam,
    body: credentialChange,
    status: 200,
    response: credential,
    refusals: [404, 409, 413, 415],
    async handle({ tenant, params, body, principal }) {
      const by = signedIn(principal)
      const { version = null, hosts, about, fields } = body
      const wish = {
        ...(hosts === undefined ? {} : { hosts }),
        ...(about === undefined ? {} : { about }),
        ...(fields === undefined ? {} : { fields }),
      }
      const changed = await translated(deps.credentials.update(tenant, params.name, version, wish, actorOf(by)))
      return { body: await told(deps, by, changed) }
    },
  })
}

function remove(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'delete',
    path: '/api/v1/credentials/{name}',
    summary: 'Remove a credential; refused while flows or sources name it, unless forced',
    tag: TAG,
    params: credentialParam,
    query: removeQuery,
    status: 204,
    response: z.null(),
    refusals: [404, 409],
    async handle({ tenant, params, query, principal }) {
      const options = { force: query.force === 'true' }
      await translated(deps.credentials.remove(tenant, params.name, options, actorOf(signedIn(principal))))
      return { body: null }
    },
  })
}

function rotate(deps: CredentialRouteDeps): AnyRoute {
  return route({
    method: 'post',
    path: '/api/v1/credentials/rotation',
    summary: 'Seal every secret anew: with a new key of the vault, which the newest key of the installation seals',
    tag: TAG,
    status: 200,
    response: rotation,
    refusals: [409],
    async handle({ tenant, principal }) {
      const by = signedIn(principal)
      const installation = await rotateSealingKey(deps)
      const vault = await deps.credentials.rotate(tenant)
      const { key, resealed, previousKeys } = installation
      const unreadable = installation.unreadable + vault.unreadable
      const answer = { key, ...resealed, credentials: vault.resealed, unreadable, previousKeys }
      const record = { tenant, actor: actorOf(by), action: 'credential.rotate', subject: 'credentials', detail: answer }
      await recordAudit(deps.metadata.db, record, deps.clock.nowMs())
      return { body: answer }
    },
  })
}

async function told(deps: CredentialRouteDeps, by: Principal, stored: StoredCredential): Promise<CredentialItem> {
  deps.names.note(by)
  return toItem(deps, by.tenant, stored)
}

async function toItem(deps: CredentialRouteDeps, tenant: string, stored: StoredCredential): Promise<CredentialItem> {
  return (await toItems(deps, tenant, [stored]))[0]!
}

async function toItems(
  { credentials, names }: CredentialRouteDeps,
  tenant: string,
  stored: readonly StoredCredential[],
): Promise<CredentialItem[]> {
  const users: ReadonlyMap<string, readonly CredentialUser[]> =
    stored.length === 0 ? new Map() : await credentials.users(tenant)
  await names.learn(
    tenant,
    stored.map(({ updatedBy }) => updatedBy),
  )
  return stored.map((each) => ({
    ...each,
    hosts: [...each.hosts],
    shown: { ...each.shown },
    secretsSet: [...each.secretsSet],
    usedBy: [...(users.get(each.name) ?? [])],
    createdAt: each.createdAt.toISOString(),
    updatedAt: each.updatedAt.toISOString(),
    updatedBy: names.nameOf(tenant, each.updatedBy),
    lastUsedAt: each.lastUsedAt?.toISOString() ?? null,
  }))
}

/** What the store refuses, as problems of its fields. */
async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof CredentialInUseError) throw new ProblemError(409, 'credential_in_use', error.message)
    if (!(error instanceof InvalidCredentialError)) throw error
    const errors = error.problems.map(({ path, message }) => ({ parameter: path, reason: message }))
    throw new ProblemError(400, 'bad_request', error.message, { errors })
  }
}
