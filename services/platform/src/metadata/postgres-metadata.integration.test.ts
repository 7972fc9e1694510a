import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres } from '../../../../infra/servers/postgres.ts'
import { systemClock } from '../clock.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import { describeMetadata } from './metadata.contract.ts'
import type { Metadata } from './metadata.ts'
import { createPostgresMetadata } from './postgres-metadata.ts'
import { createTestDatabase } from './testing/create-test-database.ts'

const deps = { logger: pino({ level: 'silent' }), clock: systemClock }

describeWithServer('postgres', 'metadata on PostgreSQL', (server) => {
  let url = ''
  beforeAll(async () => {
    url = await createTestDatabase(server().url)
  })
  describeMetadata('the contract', () => createPostgresMetadata({ url, maxConnections: 5 }, deps))

  it('waits for a free connection and says when there is none', async () => {
    const metadata = createPostgresMetadata({ url, maxConnections: 1 }, deps)
    await metadata.start()
    const holder = metadata.transaction(() => new Promise((resolve) => setTimeout(resolve, 3500)))
    const waiting = metadata.db.selectFrom('tenants').selectAll().execute()
    await expect(waiting).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: true })
    await holder
    expect(await metadata.ping()).toBe(true)
    await metadata.stop()
  })

  it('says why it is refused, at once', async () => {
    const other = createPostgresMetadata({ url: `${url}_nowhere` }, deps)
    const startedAtMs = Date.now()
    await expect(other.start()).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: false })
    expect(Date.now() - startedAtMs).toBeLessThan(5000)
    await other.stop()
  })
})

describeWithServer('postgres', 'metadata on a PostgreSQL server of its own', () => {
  let own: Awaited<ReturnType<typeof startPostgres>>
  let metadata: Metadata
  const row = { tenant: 't', key: 'k', value: 1, updated_at: new Date(), updated_by: 's' }
  beforeAll(async () => {
    own = await startPostgres({ durable: true })
    metadata = createPostgresMetadata({ url: own.url }, deps)
    await metadata.start()
  })
  afterAll(async () => {
    await metadata.stop()
    await own.stop()
  })

  it('fails fast while the server is away and recovers by itself, with what was acknowledged', async () => {
    await metadata.db.insertInto('settings').values(row).execute()
    await Promise.all(Array.from({ length: 8 }, () => metadata.ping()))
    await own.crash()
    for (let attempt = 0; attempt < 12; attempt++) {
      const startedAtMs = Date.now()
      const query = metadata.db.selectFrom('settings').selectAll().execute()
      await expect(query).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: true })
      expect(Date.now() - startedAtMs).toBeLessThan(4000)
    }
    expect(await metadata.ping()).toBe(false)
    await own.restart()
    expect(await metadata.db.selectFrom('settings').selectAll().execute()).toEqual([row])
  })

  it('fails a transaction whose server dies under it', async () => {
    const work = metadata.transaction(async (transaction) => {
      await transaction
        .insertInto('settings')
        .values({ ...row, key: 'lost' })
        .execute()
      await own.crash()
      await transaction
        .insertInto('settings')
        .values({ ...row, key: 'lost too' })
        .execute()
    })
    await expect(work).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: true })
    await own.restart()
    expect(await metadata.db.selectFrom('settings').select('key').execute()).toEqual([{ key: 'k' }])
  })

  it('starts once a server that is late is there', async () => {
    await own.crash()
    const late = createPostgresMetadata({ url: own.url, startWithinMs: 20_000 }, deps)
    const starting = late.start()
    await own.restart()
    await starting
    await late.stop()
    const impatient = createPostgresMetadata({ url: 'postgres://127.0.0.1:1/none', startWithinMs: 0 }, deps)
    await expect(impatient.start()).rejects.toMatchObject({ code: 'metadata_unavailable', retryable: true })
    await impatient.stop()
  })
})

describe('metadata on PostgreSQL, before the start', () => {
  it('connects to nothing', async () => {
    const metadata = createPostgresMetadata({ url: 'postgres://127.0.0.1:1/none' }, deps)
    await metadata.stop()
  })
})
