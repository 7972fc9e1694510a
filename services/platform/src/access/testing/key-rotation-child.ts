import { join } from 'node:path'
import { systemClock } from '../../clock.ts'
import { createLogger } from '../../logger.ts'
import { createSqliteMetadata } from '../../metadata/sqlite-metadata.ts'
import { rotateSealingKey } from '../key-rotation.ts'
import { createSealer } from '../sealing.ts'

/** Rotates the key of the directory given, again and again, a dot for each, for as long as its test lives. */
const directory = process.argv[2] ?? ''
const metadata = createSqliteMetadata(
  { file: join(directory, 'metadata.sqlite') },
  { logger: createLogger('fatal'), clock: systemClock },
)
const parent = process.ppid
await metadata.start()
const sealer = createSealer({ keyFile: join(directory, 'secret.key') })
const { many } = await metadata.db
  .selectFrom('sources')
  .select(({ fn }) => fn.countAll<number>().as('many'))
  .executeTakeFirstOrThrow()
for (let index = Number(many); index < 50; index++) {
  const id = `src_${index}`
  const secrets = sealer.seal({ purpose: 'source-secrets', tenant: 'default', id }, `canary ${id}`)
  const [created_at, updated_at] = [new Date(), new Date()]
  const rest = { active: true, value: {}, managed_by: 'user', version: 1, updated_by: 'test' }
  const row = { tenant: 'default', id, kind: 'mqtt', name: id, secrets, created_at, updated_at, ...rest }
  await metadata.db.insertInto('sources').values(row).execute()
}
while (process.ppid === parent) {
  await rotateSealingKey({ metadata, sealer })
  process.stdout.write('.')
}
