import { systemClock } from '@driftline/platform/clock'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { beforeAll } from 'vitest'
import { describeSourceRequests } from './source-requests.contract.ts'
import { describeSourceStatus } from './source-status.contract.ts'
import { describeSourceStore } from './source-store.contract.ts'
import type { OpenMetadata } from './testing/sources-contract.ts'

describeWithServer('postgres', 'sources on PostgreSQL', (server) => {
  const urls: string[] = []
  beforeAll(async () => {
    for (let index = 0; index < 3; index++) urls.push(await createTestDatabase(server().url))
  })
  const postgres =
    (index: number): OpenMetadata =>
    (logger) =>
      createPostgresMetadata({ url: urls[index]!, maxConnections: 5 }, { logger, clock: systemClock })

  describeSourceStore('the store and its watch', postgres(0))
  describeSourceStatus('status', postgres(1))
  describeSourceRequests('previews and replays', postgres(2))
})
