import { beforeAll } from 'vitest'
import { systemClock } from '../clock.ts'
import { createLogger } from '../logger.ts'
import { createPostgresMetadata } from '../metadata/postgres-metadata.ts'
import { createTestDatabase } from '../metadata/testing/create-test-database.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import { describeVault } from './vault.contract.ts'

describeWithServer('postgres', 'the vault', (server) => {
  let url = ''
  beforeAll(async () => {
    url = await createTestDatabase(server().url)
  })
  const deps = { logger: createLogger('fatal'), clock: systemClock }
  describeVault('on PostgreSQL', () => createPostgresMetadata({ url, maxConnections: 5 }, deps))
})
