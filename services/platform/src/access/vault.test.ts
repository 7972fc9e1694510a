import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { createLogger } from '../logger.ts'
import { createSqliteMetadata } from '../metadata/sqlite-metadata.ts'
import { createSealer } from './sealing.ts'
import { describeVault } from './vault.contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-vault-sqlite-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const deps = { logger: createLogger('fatal'), clock: systemClock }

describeVault('the vault on SQLite', () => createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps))

describe('a rotation that is killed', () => {
  it('loses nothing, wherever it is', async () => {
    const place = join(directory, 'killed')
    const child = join(import.meta.dirname, 'testing', 'key-rotation-child.ts')
    const seen = new Set<string>()
    for (let round = 0; round < 6; round++) {
      const running = spawn(process.execPath, ['--import', 'tsx', child, place], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise((resolve) => running.once('close', resolve))
      let many = 0
      await new Promise<void>((resolve) => {
        running.stdout.setEncoding('utf8').on('data', (text: string) => {
          many += text.length
          // A little later each time: the kill comes at another point of a rotation.
          if (many > 3 + round) setTimeout(resolve, round * 3)
        })
        running.once('close', () => resolve())
      })
      running.kill('SIGKILL')
      await ended
      const metadata = createSqliteMetadata({ file: join(place, 'metadata.sqlite') }, deps)
      await metadata.start()
      const sealer = createSealer({ keyFile: join(place, 'secret.key') })
      const rows = await metadata.db.selectFrom('sources').selectAll().execute()
      expect(rows).toHaveLength(50)
      for (const { id, secrets } of rows) {
        expect(sealer.open({ purpose: 'source-secrets', tenant: 'default', id }, secrets!)).toBe(`canary ${id}`)
        seen.add(secrets!.split(':')[1]!)
      }
      await metadata.stop()
      expect(readdirSync(place).filter((name) => name.startsWith('secret.key')).length).toBeLessThanOrEqual(2)
    }
    expect(seen.size).toBeGreaterThan(1)
  })
})
