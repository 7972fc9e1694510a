import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import type { Metadata } from '../metadata/metadata.ts'
import { rotateSealingKey } from './key-rotation.ts'
import { createSealer, type SealedPlace, type Sealer } from './sealing.ts'
import { createVault } from './vault.ts'

const SOURCES = 700
const secretOf = (index: number): string => `canary-of-source-${index}`
const sourcePlace = (id: string): SealedPlace => ({ purpose: 'source-secrets', tenant: 'default', id })

/** Data keys and the rotation of the installation's key, over any metadata store; `open` answers an empty one. */
export function describeVault(title: string, open: () => Metadata): void {
  describe(title, () => {
    let metadata: Metadata
    const directory = mkdtempSync(join(tmpdir(), 'driftline-vault-'))
    beforeAll(async () => {
      metadata = open()
      await metadata.start()
    })
    afterAll(async () => {
      await metadata.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    describeDataKeys(() => metadata)
    describeRotation(() => metadata, directory)
  })
}

const credential = (tenant: string, id: string): SealedPlace => ({ purpose: 'credential', tenant, id })

function describeDataKeys(metadata: () => Metadata): void {
  const vaultOf = (sealer: Sealer) => createVault({ metadata: metadata(), sealer, clock: systemClock })
  const keysOf = (tenant: string) =>
    metadata().db.selectFrom('vault_keys').selectAll().where('tenant', '=', tenant).execute()

  it('makes one data key of a tenant, however many ask, and opens what it sealed in its place only', async () => {
    const sealer = createSealer({ key: randomBytes(32) })
    const vault = vaultOf(sealer)
    await Promise.all(Array.from({ length: 8 }, () => vaultOf(sealer).prepare('one')))
    const sealed = await metadata().transaction((each) => vault.seal(each, credential('one', 'a'), 'canary'))
    expect(await keysOf('one')).toHaveLength(1)
    expect(sealed).not.toContain('canary')
    expect(await vaultOf(sealer).open(credential('one', 'a'), sealed)).toBe('canary')
    await expect(vault.open(credential('one', 'b'), sealed)).rejects.toMatchObject({ code: 'secret_unreadable' })
    await vault.prepare('two')
    await expect(vault.open(credential('two', 'a'), sealed)).rejects.toMatchObject({ code: 'secret_unreadable' })
  })

  it('replaces a data key together with all that it sealed, or not at all', async () => {
    const sealer = createSealer({ key: randomBytes(32) })
    const vault = vaultOf(sealer)
    await vault.prepare('three')
    const place = credential('three', 'a')
    const before = await metadata().transaction((each) => vault.seal(each, place, 'canary'))
    const [old] = await keysOf('three')
    const broken = vault.rotate('three', async () => Promise.reject(new Error('power cut')))
    await expect(broken).rejects.toThrow('power cut')
    expect(await keysOf('three')).toEqual([old])
    const after = await vault.rotate('three', async (_, keys) => keys.seal(place, keys.open(place, before)))
    expect(await vaultOf(sealer).open(place, after)).toBe('canary')
    const keys = await keysOf('three')
    expect(keys).toHaveLength(1)
    expect(keys[0]!.id).not.toBe(old!.id)
    await expect(vaultOf(sealer).open(place, before)).rejects.toMatchObject({ code: 'secret_unreadable' })
  })

  it('lets rotations and writers at once lose nothing', async () => {
    const sealer = createSealer({ key: randomBytes(32) })
    const put = async (index: number): Promise<void> => {
      const vault = vaultOf(sealer)
      for (;;) {
        try {
          await metadata().transaction(async (each) => {
            const sealed = await vault.seal(each, credential('four', `c${index}`), secretOf(index))
            const row = { tenant: 'four', key: `c${index}`, value: sealed, updated_at: new Date(), updated_by: 'test' }
            await each.insertInto('settings').values(row).execute()
          })
          return
        } catch (error) {
          if (!(error as { retryable?: boolean }).retryable) throw error
        }
      }
    }
    const rotate = () =>
      vaultOf(sealer).rotate('four', async (each, keys) => {
        const rows = await each.selectFrom('settings').selectAll().where('tenant', '=', 'four').execute()
        for (const { key, value } of rows) {
          const next = keys.seal(credential('four', key), keys.open(credential('four', key), String(value)))
          await each.updateTable('settings').set({ value: next }).where('key', '=', key).execute()
        }
      })
    await vaultOf(sealer).prepare('four')
    const rotations = (async () => {
      for (let many = 0; many < 5; many++) await rotate()
    })()
    await Promise.all([rotations, ...Array.from({ length: 30 }, (_, index) => put(index))])
    const rows = await metadata().db.selectFrom('settings').selectAll().where('tenant', '=', 'four').execute()
    expect(rows).toHaveLength(30)
    for (const { key, value } of rows) {
      const text = await vaultOf(sealer).open(credential('four', key), String(value))
      expect(text).toBe(secretOf(Number(key.slice(1))))
    }
  })

  it('takes new secrets where the key of then is lost, and opens the old ones when it is back', async () => {
    const lost = createSealer({ key: randomBytes(32) })
    await vaultOf(lost).prepare('five')
    const old = await metadata().transaction((each) => vaultOf(lost).seal(each, credential('five', 'a'), 'before'))
    const now = createSealer({ key: randomBytes(32) })
    const typed = await metadata().transaction((each) => vaultOf(now).seal(each, credential('five', 'b'), 'after'))
    expect(await vaultOf(now).open(credential('five', 'b'), typed)).toBe('after')
    await expect(vaultOf(now).open(credential('five', 'a'), old)).rejects.toMatchObject({ code: 'secret_unreadable' })
    await vaultOf(now).rotate('five', async () => null)
    expect(await vaultOf(lost).open(credential('five', 'a'), old)).toBe('before')
  })
}

function describeRotation(metadata: () => Metadata, directory: string): void {
  const keep = async (sealer: Sealer): Promise<void> => {
    const { db } = metadata()
    for (const table of ['sources', 'vault_keys', 'source_requests'] as const) await db.deleteFrom(table).execute()
    const rows = Array.from({ length: SOURCES }, (_, index) => {
      const id = `src_${index}`
      const [created_at, updated_at] = [new Date(), new Date()]
      const secrets = index % 7 === 0 ? null : sealer.seal(sourcePlace(id), secretOf(index))
      const rest = { active: true, value: {}, managed_by: 'user', version: 1, updated_by: 'test' }
      return { tenant: 'default', id, kind: 'mqtt', name: id, secrets, created_at, updated_at, ...rest }
    })
    for (let at = 0; at < rows.length; at += 100) {
      await db
        .insertInto('sources')
        .values(rows.slice(at, at + 100))
        .execute()
    }
  }
  const expectAllOpen = async (sealer: Sealer): Promise<number> => {
    const rows = await metadata().db.selectFrom('sources').selectAll().execute()
    expect(rows).toHaveLength(SOURCES)
    const sealed = rows.filter((row) => row.secrets !== null)
    for (const { id, secrets, version } of sealed) {
      expect(sealer.open(sourcePlace(id), secrets!)).toBe(secretOf(Number(id.slice(4))))
      expect(version).toBe(1)
    }
    return sealed.length
  }

  it('seals anew with the key of the settings all that one of before sealed, which can be removed then', async () => {
    const [before, now] = [randomBytes(32), randomBytes(32)]
    await keep(createSealer({ key: before }))
    const old = createVault({ metadata: metadata(), sealer: createSealer({ key: before }), clock: systemClock })
    await old.prepare('default')
    const place = credential('default', 'a')
    const sealed = await metadata().transaction((each) => old.seal(each, place, 'canary'))
    const both = createSealer({ key: now, previous: [before] })
    const many = await expectAllOpen(both)
    const report = await rotateSealingKey({ metadata: metadata(), sealer: both })
    const resealed = { sources: many, requests: 0, dataKeys: 1 }
    expect(report).toEqual({ key: 'configured', resealed, unreadable: 0, previousKeys: 1 })
    const alone = createSealer({ key: now })
    await expectAllOpen(alone)
    const vault = createVault({ metadata: metadata(), sealer: alone, clock: systemClock })
    expect(await vault.open(place, sealed)).toBe('canary')
    const again = await rotateSealingKey({ metadata: metadata(), sealer: alone })
    expect(again.resealed).toEqual({ sources: 0, requests: 0, dataKeys: 0 })
  })

  it('counts what no key opens, and leaves it as it is', async () => {
    const sealer = createSealer({ key: randomBytes(32) })
    await keep(sealer)
    const stranger = createSealer({ key: randomBytes(32) }).seal(sourcePlace('src_0'), 'x')
    const setTo = (secrets: string | null) =>
      metadata().db.updateTable('sources').set({ secrets }).where('id', '=', 'src_0').execute()
    await setTo(stranger)
    expect(await rotateSealingKey({ metadata: metadata(), sealer })).toMatchObject({ unreadable: 1 })
    await setTo(null)
    await expectAllOpen(sealer)
  })

  it('replaces the key file; broken off after any step, the next start opens all and the next rotation ends it', async () => {
    const keyFile = join(directory, 'secret.key')
    const opened = (): Sealer => createSealer({ keyFile })
    await keep(opened())
    const first = readFileSync(keyFile, 'utf8')

    // Broken off after the new key is in the file.
    expect(opened().keys.renew()).toBe('made')
    expect(readFileSync(keyFile, 'utf8')).toContain(first)
    await expectAllOpen(opened())

    // Broken off while texts are sealed anew: some have the new key, some the old one.
    const half = opened()
    for (let index = 1; index < SOURCES; index += 2) {
      if (index % 7 === 0) continue
      const place = sourcePlace(`src_${index}`)
      const secrets = half.seal(place, secretOf(index))
      await metadata().db.updateTable('sources').set({ secrets }).where('id', '=', place.id).execute()
    }
    await expectAllOpen(opened())

    const report = await rotateSealingKey({ metadata: metadata(), sealer: opened() })
    expect(report).toMatchObject({ key: 'resumed', unreadable: 0, previousKeys: 0 })
    expect(readFileSync(keyFile, 'utf8').trim().split('\n')).toHaveLength(1)
    expect(readFileSync(keyFile, 'utf8')).not.toContain(first.trim())
    await expectAllOpen(opened())
    expect(await rotateSealingKey({ metadata: metadata(), sealer: opened() })).toMatchObject({ key: 'made' })
    await expectAllOpen(opened())
  })
}
