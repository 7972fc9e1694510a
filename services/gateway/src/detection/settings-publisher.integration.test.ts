import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Principal, permissionsOf } from '@driftline/platform/access/permissions'
import { createFaultyBus, type Fate } from '@driftline/platform/bus/faulty-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDetectionStore } from '../access/detection-settings.ts'
import { createSettingsPublisher } from './settings-publisher.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-settings-'))
const base = { logger: createLogger('fatal'), clock: systemClock }
const metadata = createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, base)
const by: Principal = {
  tenant: 'default',
  kind: 'user',
  id: 'u1',
  name: 'kim',
  role: 'operator',
  permissions: permissionsOf('operator'),
  expiresAt: null,
}
const nothing = { disabledTypes: [], thresholds: [], expressions: [] }

beforeAll(() => metadata.start())
afterAll(async () => {
  await metadata.stop()
  rmSync(directory, { recursive: true, force: true })
})

it('tells later what could not be told, the newest only, and the same again when nobody knows whether it came', async () => {
  let fate: Fate = 'refused'
  const { bus, stored } = createFaultyBus(4, () => fate)
  const detection = createDetectionStore({ metadata, ...base })
  const publisher = createSettingsPublisher({ bus, detection, logger: base.logger })
  await detection.put(by, 'os:web-9:late', nothing)
  expect(await publisher.publish()).toBe(false)
  expect(await detection.one('default', 'os:web-9:late')).toMatchObject({ version: 1, publishedVersion: 0 })
  fate = 'answer-lost'
  await detection.put(by, 'os:web-9:late', { ...nothing, disabledTypes: ['x'] })
  expect(await publisher.publish()).toBe(false)
  fate = 'stored'
  await publisher.start()
  await publisher.stop()
  expect(stored.map(({ headers }) => headers.sequence)).toEqual(['2', '2'])
  expect(stored[0]!.value).toEqual(stored[1]!.value)
  expect(await detection.unpublished(10)).toEqual([])
})

it('does not take a later change for told', async () => {
  const detection = createDetectionStore({ metadata, ...base })
  const told = await detection.put(by, 'os:web-9:race', nothing)
  await detection.put(by, 'os:web-9:race', nothing)
  await detection.markPublished(told)
  expect(await detection.unpublished(10)).toMatchObject([{ process: 'os:web-9:race', version: 2, publishedVersion: 1 }])
})

it('keeps what cannot be read, says so once, and tells what comes after it', async () => {
  const lines: string[] = []
  const logger = createLogger('error', { write: (line) => void lines.push(line) })
  const detection = createDetectionStore({ metadata, clock: systemClock, logger })
  const { bus, stored } = createFaultyBus(4, () => 'stored')
  const publisher = createSettingsPublisher({ bus, detection, logger })
  await publisher.publish()
  stored.length = 0
  await detection.put(by, 'os:web-9:odd', { ...nothing, disabledTypes: ['x'] })
  const odd = { from: 'the future', disabledTypes: 'x' }
  await metadata.db
    .updateTable('detection_settings')
    .set({ value: odd })
    .where('process', '=', 'os:web-9:odd')
    .execute()
  await detection.put(by, 'os:web-9:after', nothing)
  expect(await detection.unpublished(1)).toMatchObject([{ process: 'os:web-9:after' }])
  expect(await publisher.publish()).toBe(true)
  expect(await publisher.publish()).toBe(true)
  expect(stored.map(({ headers }) => headers.source)).toHaveLength(1)
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0]!)).toMatchObject({ process: 'os:web-9:odd', version: 1 })
  const kept = await metadata.db
    .selectFrom('detection_settings')
    .selectAll()
    .where('process', '=', 'os:web-9:odd')
    .execute()
  expect(kept).toMatchObject([{ value: odd, version: 1, published_version: 0 }])
})
