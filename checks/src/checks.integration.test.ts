import { systemClock } from '@driftline/platform/clock'
import { createPostgresMetadata } from '@driftline/platform/metadata/postgres-metadata'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { beforeAll } from 'vitest'
import { describeCheckQueue } from './check-queue.contract.ts'
import { describeFlowStore } from './flow-store.contract.ts'
import type { OpenMetadata } from './testing/checks-contract.ts'

describeWithServer('postgres', 'flows and checks on PostgreSQL', (server) => {
  const urls: string[] = []
  beforeAll(async () => {
    for (let index = 0; index < 2; index++) urls.push(await createTestDatabase(server().url))
  })
  const postgres =
    (index: number): OpenMetadata =>
    (logger) =>
      createPostgresMetadata({ url: urls[index]!, maxConnections: 5 }, { logger, clock: systemClock })

  describeFlowStore('flows', postgres(0))
  describeCheckQueue('the queue', postgres(1))
})
