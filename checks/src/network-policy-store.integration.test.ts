import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { networkPolicy } from './network-policy.ts'
import { createNetworkPolicyStore, type NetworkPolicyStore } from './network-policy-store.ts'

const clock = { nowMs: () => 1_800_000_000_000 }
const logger = createLogger('fatal')
const by = 'user:admin'

/** What every metadata store makes of the policy. */
function describeStore(title: string, open: () => Promise<Metadata>): void {
  describe(title, () => {
    let metadata: Metadata
    let store: NetworkPolicyStore
    beforeAll(async () => {
      metadata = await open()
      await metadata.start()
      store = createNetworkPolicyStore({ metadata, clock })
    })
    afterAll(() => metadata.stop())

    it('answers the defaults while nobody has set one', async () => {
      const policy = networkPolicy.parse({})
      expect(await store.get('fresh')).toEqual({ policy, version: 0, updatedAt: null, updatedBy: null })
    })

    it('keeps what was set, with its version, and says so in the audit log', async () => {
      const first = await store.put('acme', { allowedNetworks: ['10.0.0.0/8'] }, 0, by)
      expect(first).toMatchObject({ version: 1, updatedBy: by, policy: { requestsPerSecond: 10 } })
      expect(await store.get('acme')).toEqual(first)
      const second = await store.put('acme', { ...first.policy, concurrent: 7 }, 1, by)
      expect(second).toMatchObject({ version: 2, policy: { concurrent: 7, allowedNetworks: ['10.0.0.0/8'] } })
      await store.put('acme', second.policy, null, by)
      expect((await store.get('other')).version).toBe(0)
      const audit = await metadata.db
        .selectFrom('audit_log')
        .selectAll()
        .where('tenant', '=', 'acme')
        .where('action', '=', 'network.update')
        .orderBy('id')
        .execute()
      expect(audit.map(({ detail }) => (detail as { version: number }).version).sort()).toEqual([1, 2, 3])
    })

    it('refuses one that was changed meanwhile', async () => {
      await store.put('race', {}, 0, by)
      await expect(store.put('race', {}, 0, by)).rejects.toMatchObject({ code: 'metadata_conflict' })
      await expect(store.put('race', {}, 7, by)).rejects.toMatchObject({ code: 'metadata_conflict' })
      const both = await Promise.allSettled([store.put('race2', {}, 0, by), store.put('race2', {}, 0, by)])
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'metadata_conflict' } })
    })

    it.each([
      [{ allowedNetworks: ['10.0.0.0/33'] }, /allowedNetworks\.0: must be an address or a network/],
      [{ concurrent: 0 }, /concurrent: /],
      [{ nothing: 1 }, /policy: /],
      ['text', /policy: /],
    ])('refuses %j', async (policy, message) => {
      const refusal = { code: 'value_invalid', message: expect.stringMatching(message) }
      await expect(store.put('acme', policy, null, by)).rejects.toMatchObject(refusal)
    })
  })
}

const directory = mkdtempSync(join(tmpdir(), 'driftline-network-policy-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describeStore('the network policy in SQLite', async () =>
  createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, { logger, clock }),
)

describeWithServer('postgres', 'the network policy in PostgreSQL', (server) => {
  describeStore('the store', async () =>
    createPostgresMetadata({ url: await createTestDatabase(server().url) }, { logger, clock }),
  )
})
