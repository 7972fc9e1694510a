import { pino } from 'pino'
import { systemClock } from '../clock.ts'
import { createPostgresMetadata } from '../metadata/postgres-metadata.ts'
import { createTestDatabase } from '../metadata/testing/create-test-database.ts'
import { describeWithServer } from '../testing/real-servers.ts'
import { describeAccess } from './access.contract.ts'

describeWithServer('postgres', 'access over PostgreSQL', (server) => {
  describeAccess('the contract', async () => {
    const url = await createTestDatabase(server().url)
    const metadata = createPostgresMetadata({ url }, { logger: pino({ level: 'silent' }), clock: systemClock })
    await metadata.start()
    return metadata
  })
})
