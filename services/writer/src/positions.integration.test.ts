import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPositionStore, type Position } from './positions.ts'

const dir = mkdtempSync(join(tmpdir(), 'driftline-positions-'))
let metadata: Metadata

beforeAll(async () => {
  const logger = createLogger('fatal')
  metadata = createSqliteMetadata({ file: join(dir, 'metadata.db') }, { logger, clock: systemClock })
  await metadata.start()
})
afterAll(async () => {
  await metadata.stop()
  rmSync(dir, { recursive: true, force: true })
})

const position: Position = {
  nextOffset: 12,
  intent: { to: 20, token: 'x:12-20', settings: 1 },
  judgedTo: 25,
  repeats: [13, 24],
  sources: [{ tenant: "a'b", source: 'nul\0 and lone \ud800', sequences: { '1700000000000': '18446744073709551615' } }],
  generation: 'x',
}

it('gives back what was stored, hostile texts included', async () => {
  const store = createPositionStore(metadata)
  expect(await store.load('t', 0)).toBeNull()
  expect(await store.save('t', 0, position, null)).toBe(1)
  expect(await store.load('t', 0)).toEqual({ position, version: 1 })
  expect(await store.save('t', 0, { ...position, intent: null }, 1)).toBe(2)
  expect(await store.load('t', 0)).toEqual({ position: { ...position, intent: null }, version: 2 })
})

it('refuses whoever does not know the newest version', async () => {
  const store = createPositionStore(metadata)
  await store.save('fenced', 3, position, null)
  await store.save('fenced', 3, position, 1)
  for (const stale of [null, 1, 3]) {
    await expect(store.save('fenced', 3, { ...position, nextOffset: 99 }, stale)).rejects.toMatchObject({
      code: 'metadata_conflict',
    })
  }
  expect((await store.load('fenced', 3))?.position.nextOffset).toBe(12)
})
