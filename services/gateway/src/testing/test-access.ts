import { type Access, accessDefaults, createAccess } from '@driftline/platform/access/access'
import { systemClock } from '@driftline/platform/clock'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'

/** Real accounts: a caller per role, and an administrator's key of another tenant. */
export interface TestAccess {
  readonly access: Access
  readonly admin: string
  readonly operator: string
  readonly viewer: string
  readonly ingest: string
  readonly stranger: string
}

export const ADMIN_PASSWORD = 'correct horse battery'

export async function createTestAccess(metadata: Metadata): Promise<TestAccess> {
  const clock = systemClock
  const hotState = createInProcessHotState({ maxKeys: 10_000 }, { clock })
  await hotState.start()
  const access = createAccess(accessDefaults, { metadata, hotState, clock, logger: createLogger('fatal') })
  await access.ensureFirstAdmin({ password: ADMIN_PASSWORD })
  const { token, principal } = await access.signIn({ username: 'admin', password: ADMIN_PASSWORD, address: 'test' })
  const key = async (role: 'operator' | 'viewer' | 'ingest'): Promise<string> =>
    (await access.apiKeys.create(principal, { name: role, role })).key
  await metadata.db
    .insertInto('tenants')
    .values({ tenant: 'other', name: 'Other', created_at: new Date(clock.nowMs()) })
    .execute()
  return {
    access,
    admin: token,
    operator: await key('operator'),
    viewer: await key('viewer'),
    ingest: await key('ingest'),
    stranger: await access.apiKeys.issueSystemKey({ tenant: 'other', name: 'stranger', role: 'admin' }),
  }
}
