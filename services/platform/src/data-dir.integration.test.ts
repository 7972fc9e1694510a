import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDataDir } from './data-dir.ts'

describe('the data directory', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'driftline-data-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is made when it is missing, and let go at stop', async () => {
    const path = join(root, 'a', 'b')
    for (let round = 0; round < 2; round += 1) {
      const dataDir = createDataDir({ path })
      await dataDir.start()
      await dataDir.start()
      await dataDir.stop()
      await dataDir.stop()
    }
  })

  it('has one owner at a time, and says who', async () => {
    const owner = createDataDir({ path: root })
    await owner.start()
    const other = createDataDir({ path: root })
    const error = await other.start().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'data_dir_locked', retryable: false })
    expect((error as Error).message).toMatch(new RegExp(`process ${process.pid}, started \\d{4}-.*${root}`))
    await other.stop()
    await expect(createDataDir({ path: root }).start()).rejects.toMatchObject({ code: 'data_dir_locked' })
    await owner.stop()
    await other.start()
    await other.stop()
  })

  it('does not mind what a crash left behind', async () => {
    writeFileSync(join(root, 'owner.json'), '{"pid":1')
    writeFileSync(join(root, 'lock-journal'), Buffer.alloc(512))
    const dataDir = createDataDir({ path: root })
    await dataDir.start()
    await dataDir.stop()
  })

  it('is refused with the reason when it cannot be used', async () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    for (const path of [file, join(file, 'below')]) {
      const error = await createDataDir({ path })
        .start()
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'data_dir_unusable' })
      expect((error as Error).message).toContain(path)
    }
  })
})
