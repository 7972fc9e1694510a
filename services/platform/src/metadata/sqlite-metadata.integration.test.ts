import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { createSqliteMetadata } from './sqlite-metadata.ts'

const KILLS = 20
const writer = fileURLToPath(new URL('./testing/sqlite-writer-child.ts', import.meta.url))

it(`keeps what SQLite acknowledged through ${KILLS} SIGKILLs of the process that writes`, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-kill-'))
  const file = join(directory, 'metadata.sqlite')
  let next = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const acknowledged = await writeUntilKilled(file, next, 5 + Math.random() * 60)
    const keys = await readKeys(file)
    expect(acknowledged.filter((number) => !keys.has(number))).toEqual([])
    expect(keys.size).toBe(Math.max(...keys) + 1)
    next = keys.size
  }
  expect(next).toBeGreaterThan(KILLS)
  rmSync(directory, { recursive: true })
})

/** Answers the numbers that were printed; kills some time after the first. */
async function writeUntilKilled(file: string, from: number, afterMs: number): Promise<number[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, file, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
    output += text
  })
  await new Promise((resolve) => child.once('close', resolve))
  return output.split('\n').slice(0, -1).map(Number)
}

async function readKeys(file: string): Promise<Set<number>> {
  const metadata = createSqliteMetadata({ file }, { logger: pino({ level: 'silent' }), clock: systemClock })
  await metadata.start()
  const rows = await metadata.db.selectFrom('settings').select('key').execute()
  await metadata.stop()
  return new Set(rows.map(({ key }) => Number(key)))
}
