import { expect, it } from 'vitest'
import { fillIn, readMigrations, statementsOf } from './migrations.ts'
import { migrationsDir } from './testing/store-test-kit.ts'

const retention = { rawRetentionMs: 3_600_000, dataRetentionMs: 86_400_000, logRetentionMs: 172_800_000 }

it('splits statements at semicolons that end a line', () => {
  expect(statementsOf("SELECT ';' AS a;\n\n-- only a comment\n;\nSELECT 2 -- b; c\n;  \n")).toEqual([
    "SELECT ';' AS a",
    'SELECT 2 -- b; c',
  ])
})

it('fills in retention and nothing else', () => {
  const placeholder = (name: string): string => ['$', `{${name}}`].join('')
  expect(fillIn(`TTL ${placeholder('raw_retention_seconds')}`, retention)).toBe('TTL 3600')
  expect(fillIn(`TTL ${placeholder('data_retention_seconds')}`, retention)).toBe('TTL 86400')
  expect(() => fillIn(placeholder('path'), retention)).toThrow('know no parameter path')
})

it('finds migrations that can all be repeated', () => {
  const migrations = readMigrations(migrationsDir)
  expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, i) => i + 1))
  for (const statement of migrations.flatMap(({ text }) => statementsOf(text))) {
    expect(statement).toMatch(/IF NOT EXISTS|MODIFY QUERY/)
  }
})
