import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll, describe, expect, it } from 'vitest'
import { describeCredentialStore } from './credential-store.contract.ts'
import { isHostOf, isWider, readHostPattern } from './host-patterns.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-credentials-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const deps = { logger: createLogger('fatal'), clock: systemClock }
describeCredentialStore('credentials on SQLite', () =>
  createSqliteMetadata({ file: join(directory, 'metadata.sqlite') }, deps),
)

describe('patterns of hosts', () => {
  it.each([
    ['CRM.Example.', 'crm.example'],
    [' *.crm.example', '*.crm.example'],
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*', null],
    ['*.*.example', null],
    ['*.com', null],
    ['a*.example', null],
    ['crm.example:443', null],
    ['crm.example/x', null],
    ['', null],
  ])('reads %j as %j', (text, expected) => expect(readHostPattern(text)).toBe(expected))

  it.each([
    [['crm.example'], 'CRM.example.', true],
    [['crm.example'], 'a.crm.example', false],
    [['crm.example'], 'evilcrm.example', false],
    [['*.crm.example'], 'a.b.crm.example', true],
    [['*.crm.example'], 'crm.example', false],
    [['*.crm.example'], 'evilcrm.example', false],
    [['*.crm.example'], 'crm.example.evil.example', false],
    [['::1'], '[::1]', true],
    [['crm.example'], '', false],
  ])('%j lets %j in: %j', (patterns, host, expected) => expect(isHostOf(patterns, host)).toBe(expected))

  it('knows what is wider', () => {
    expect(isWider(['*.crm.example'], ['a.crm.example', '*.b.crm.example'])).toBe(false)
    expect(isWider(['a.crm.example'], ['*.crm.example'])).toBe(true)
    expect(isWider(['*.crm.example'], ['crm.example'])).toBe(true)
    expect(isWider(['a.example', 'b.example'], ['b.example'])).toBe(false)
  })
})
