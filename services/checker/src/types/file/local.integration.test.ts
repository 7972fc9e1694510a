import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStoreRig, createStoreTools, failureOf, type StoreRig } from '../sql/testing/store-rig.ts'
import { createFileType } from './file-type.ts'

describe('file on this machine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-file-'))
  const path = (name: string): string => join(directory, name)
  let rig: StoreRig

  beforeAll(() => {
    mkdirSync(path('allowed/sub'), { recursive: true })
    mkdirSync(path('secret'))
    writeFileSync(path('secret/key'), 'secret')
    writeFileSync(path('allowed/orders-1.csv'), 'id\n1\n')
    writeFileSync(path('allowed/orders-2.csv'), 'id\n2\n3\n')
    writeFileSync(path('allowed/data.json'), '{"total": {"count": 7}}')
    utimesSync(path('allowed/orders-1.csv'), new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
    utimesSync(path('allowed/orders-2.csv'), new Date(Date.now() - 30_000), new Date(Date.now() - 30_000))
    symlinkSync(path('secret/key'), path('allowed/orders-3.csv'))
    symlinkSync(path('secret'), path('allowed/way-out'))
    symlinkSync(path('allowed/data.json'), path('allowed/within'))
    symlinkSync(path('allowed/loop'), path('allowed/loop'))
    execFileSync('mkfifo', [path('allowed/pipe')])
    rig = createStoreRig('file', createFileType, createStoreTools({ allowedRoots: [path('allowed')] }))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const look = (name: string, more: Record<string, unknown> = {}) =>
    rig.run({ url: `file://${path('allowed')}/${name}`, ...more })

  it('tells what there is of a file', async () => {
    const answer = await look('orders-2.csv')
    expect(answer.result).toEqual({ exists: true, count: 1, name: 'orders-2.csv', size: 7, ageSeconds: 30 })
    expect(answer.fact('age')).toBeGreaterThan(29)
    expect(await answer.fact('content')).toBe('id\n2\n3\n')
    expect(await answer.fact('line')).toBe('3')
    expect(await answer.fact('line', '2')).toBe('2')
    expect(await answer.fact('sha256')).toBe(createHash('sha256').update('id\n2\n3\n').digest('hex'))
    expect((await failureOf(Promise.resolve(answer.fact('json')))).reason).toBe('answer_invalid')
    await answer.close?.()
    expect(await (await look('within')).fact('json', '$.total.count')).toBe(7)
  })

  it('takes the newest that matches, and no links', async () => {
    const answer = await look('orders-*.csv')
    expect([answer.fact('count'), answer.fact('name')]).toEqual([2, 'orders-2.csv'])
    expect((await look('nothing-*')).fact('count')).toBe(0)
    expect((await look('no/such/directory/*')).fact('exists')).toBe(false)
  })

  it('says that a file is missing, unless that is what was asked', async () => {
    const answer = await look('nothing.csv')
    expect(answer.fact('exists')).toBe(false)
    expect(answer.fact('size')).toBeUndefined()
    expect(answer.faults?.[0]?.failure.reason).toBe('file_missing')
    const counted = await look('nothing-*', { assertions: [{ of: 'count', is: 'equals', value: 0 }] })
    expect(counted.faults).toEqual([])
  })

  it.each([
    'orders-3.csv',
    'way-out/key',
    '../secret/key',
    'sub/../../secret/key',
    '%2e%2e/secret/key',
    '../nothing',
    'pipe',
    'sub',
    'way-out/*',
    'a%00b',
  ])('does not read %s', async (name) => {
    const failure = await failureOf(look(name))
    expect(failure.reason).toBe('path_not_allowed')
    expect(failure.message).not.toContain('secret\n')
  })

  it('does not read where nothing is allowed, and ends in loops', async () => {
    const nowhere = createStoreRig('file', createFileType, createStoreTools({}))
    expect((await failureOf(nowhere.run({ url: 'file:///etc/passwd' }))).message).toContain('no directory is allowed')
    expect((await look('loop')).fact('exists')).toBe(false)
  })

  it('reads large files in pieces, and the end of what is larger', async () => {
    writeFileSync(path('allowed/large'), '')
    truncateSync(path('allowed/large'), 3_000_000_000)
    appendFileSync(path('allowed/large'), '\nthe end\n')
    const beforeBytes = process.memoryUsage().rss
    const answer = await look('large')
    expect(await answer.fact('line', 'last')).toBe('the end')
    expect(answer.fact('size')).toBe(3_000_000_009)
    for (const fact of ['content', 'sha256', 'json']) {
      expect((await failureOf(Promise.resolve(answer.fact(fact)))).reason).toBe('answer_too_large')
    }
    truncateSync(path('allowed/large'), 50_000_000)
    const smaller = await look('large', { bytesMax: 50_000_000 })
    expect(await smaller.fact('sha256')).toBe(createHash('sha256').update(Buffer.alloc(50_000_000)).digest('hex'))
    expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(200_000_000)
  })
})
