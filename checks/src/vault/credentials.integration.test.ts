import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { beforeAll } from 'vitest'
import { describeCredentialStore } from './credential-store.contract.ts'

describeWithServer('postgres', 'credentials', (server) => {
  let url = ''
  beforeAll(async () => {
    url = await createTestDatabase(server().url)
  })
  const deps = { logger: createLogger('fatal'), clock: systemClock }
  describeCredentialStore('on PostgreSQL', () => createPostgresMetadata({ url, maxConnections: 5 }, deps))
})
