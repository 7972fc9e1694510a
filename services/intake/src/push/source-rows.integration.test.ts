import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSourceStore } from '@driftline/ingest/source-store'
import { createSealer } from '@driftline/platform/access/sealing'
import { systemClock as clock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSourceRows } from './source-rows.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-source-rows-'))
const metadata = createSqliteMetadata(
  { file: join(directory, 'metadata.db') },
  { logger: createLogger('fatal'), clock },
)
const deps = { metadata, sealer: createSealer({ keyFile: join(directory, 'key') }), clock }

beforeAll(() => metadata.start())
afterAll(async () => {
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

test('a source appears once, however often it is asked for, and says when it is switched off', async () => {
  const rows = createSourceRows(deps)
  const store = createSourceStore(deps)
  const source = { tenant: 'default', id: 'push:otlp:key-1', door: 'otlp', key: 'key-1', keyName: 'Shop' } as const
  const answers = await Promise.all([
    rows.ensure(source),
    rows.ensure(source),
    rows.ensure({ ...source, tenant: 'other' }),
  ])
  expect(answers).toEqual([{ active: true }, { active: true }, { active: true }])
  const [only, ...more] = await store.list('default')
  expect(more).toEqual([])
  expect(only).toMatchObject({
    id: 'push:otlp:key-1',
    kind: 'push',
    name: 'otlp: Shop (key-1)',
    updatedBy: 'system',
    definition: { door: 'otlp', key: 'key-1' },
  })
  await store.update('default', only!.id, only!.version, { active: false, name: 'Shop' }, 'user:1')
  expect(await rows.ensure(source)).toEqual({ active: false })
})
