import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { createSqliteMetadata } from '../metadata/sqlite-metadata.ts'
import { describeAccess } from './access.contract.ts'
import { keyRoles, permissions, permissionsOf, requirePermission } from './permissions.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-access-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
let opened = 0

describeAccess('access over SQLite', async () => {
  const file = join(directory, `${opened++}.sqlite`)
  const metadata = createSqliteMetadata({ file }, { logger: pino({ level: 'silent' }), clock: systemClock })
  await metadata.start()
  return metadata
})

describe('permissions', () => {
  it('grow with the role, and are given to somebody', () => {
    const [viewer, operator, admin, ingest] = keyRoles.map((role) => permissionsOf(role))
    expect([...operator!]).toEqual(expect.arrayContaining([...viewer!]))
    expect([...admin!]).toEqual(expect.arrayContaining([...operator!]))
    expect(permissions.filter((each) => !admin!.has(each))).toEqual([...ingest!])
  })

  it.each(['', 'root', '__proto__', 'constructor', 'Admin'])('are none for the role %j', (role) => {
    expect(permissionsOf(role).size).toBe(0)
  })

  it('are denied to nobody in particular', () => {
    expect(() => requirePermission(null, 'estate:read')).toThrow(expect.objectContaining({ code: 'unauthenticated' }))
  })
})
