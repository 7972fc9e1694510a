import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FileState } from '../follow/followed-file.ts'
import { createPositionLog, type Intent } from './position-log.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'driftline-positions-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const file = (id: number, offset: number): FileState => ({
  id,
  path: `/logs/${id}`,
  key: `1:${id}`,
  mtimeMs: 0,
  offset,
  head: { length: 0, hash: '' },
  tail: { length: 0, hash: '' },
  skipping: false,
  finished: false,
  copyOf: null,
  spool: null,
})
const intent = (position: number, saved: string | null): Intent => ({ position, atMs: 5, segments: [], saved })
const changes = (...files: FileState[]) => ({ files, removed: [] as number[] })

async function reopened(nowMs = 99) {
  const log = createPositionLog(directory)
  const position = await log.open(nowMs)
  await log.close()
  return position
}

test('what is stored comes back, as it was at each moment', async () => {
  const log = createPositionLog(directory)
  expect(await log.open(7)).toEqual({
    epoch: 7,
    position: 0,
    pending: null,
    saved: null,
    follower: { files: [], scannedAtMs: null },
  })
  await log.settle('a', changes(file(1, 0), file(2, 0)), 10)
  expect(await reopened()).toMatchObject({ epoch: 7, position: 0, saved: 'a', follower: { scannedAtMs: 10 } })
  await log.close()

  const again = createPositionLog(directory)
  await again.open(8)
  await again.intend(intent(1, 'a'), changes(file(1, 5)), 11)
  await again.intend(intent(2, 'b'), { files: [file(1, 9)], removed: [2] }, 12)
  expect(await reopened()).toMatchObject({
    epoch: 7,
    position: 2,
    pending: intent(2, 'b'),
    follower: { files: [file(1, 9)], scannedAtMs: 12 },
  })
  await again.close()
})

test('a state that did not change is written once', async () => {
  const log = createPositionLog(directory)
  await log.open(7)
  const large = 'x'.repeat(100_000)
  for (let position = 1; position <= 20; position++) await log.intend(intent(position, large), changes(), 1)
  expect(readFileSync(join(directory, 'positions.log')).length).toBeLessThan(110_000)
  await log.settle(large, changes(), 1)
  await log.close()
  expect((await reopened()).saved).toBe(large)
})

test('half a line at the end is as if it had not been written', async () => {
  const log = createPositionLog(directory)
  await log.open(7)
  await log.intend(intent(1, null), changes(file(1, 5)), 1)
  await log.close()
  const path = join(directory, 'positions.log')
  const whole = readFileSync(path)
  for (const torn of ['00000000 {"kind":"settled"}\n', 'rubbish', whole.subarray(whole.length - 40)]) {
    writeFileSync(path, whole)
    appendFileSync(path, torn)
    expect(await reopened()).toMatchObject({ epoch: 7, position: 1, pending: intent(1, null) })
  }
})

test('what cannot be read at all begins anew, under another epoch', async () => {
  writeFileSync(join(directory, 'positions.log'), 'rubbish\n')
  expect(await reopened(42)).toMatchObject({ epoch: 42, position: 0, pending: null })
})

test('grows no further than it must', async () => {
  const log = createPositionLog(directory)
  await log.open(7)
  for (let position = 1; position <= 60; position++) {
    await log.intend(intent(position, String(position).repeat(100_000)), changes(file(1, position)), 1)
  }
  await log.close()
  expect(readFileSync(join(directory, 'positions.log')).length).toBeLessThan(6_000_000)
  expect(await reopened()).toMatchObject({ position: 60, follower: { files: [file(1, 60)] } })
})

test('a directory that cannot be written to is said', async () => {
  writeFileSync(join(directory, 'taken'), '')
  await expect(createPositionLog(join(directory, 'taken')).open(1)).rejects.toMatchObject({ code: 'data_dir_unusable' })
})
