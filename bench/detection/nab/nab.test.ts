import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const script = join(import.meta.dirname, 'nab.ts')
let folder = ''

function run(...args: string[]) {
  return spawnSync(process.execPath, ['--import', 'tsx', script, ...args], { encoding: 'utf8' })
}

const stamp = (row: number): string => new Date(row * 300_000).toISOString().slice(0, 19).replace('T', ' ')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftline-nab-'))
  mkdirSync(join(folder, 'labels'))
  mkdirSync(join(folder, 'data', 'some'), { recursive: true })
  // The windows are no windows at all: nothing but the names of the files may be read of them.
  writeFileSync(join(folder, 'labels', 'combined_windows.json'), '{"some/series.csv": "not looked at"}')
  const rows = Array.from({ length: 600 }, (_, row) => `${stamp(row)},${row === 500 ? '90.50' : `1${row % 7}.0`}`)
  writeFileSync(join(folder, 'data', 'some', 'series.csv'), `timestamp,value\n${rows.join('\n')}\n`)
})

afterAll(() => rmSync(folder, { recursive: true }))

describe('bench:nab', () => {
  it('writes a score for each row, with times and values as they came', () => {
    const { status, stdout } = run('--nab', folder, '--out', join(folder, 'out'))
    expect(status).toBe(0)
    expect(stdout).toContain('score.mjs')
    const lines = readFileSync(join(folder, 'out', 'driftline', 'some', 'driftline_series.csv'), 'utf8').split('\n')
    expect(lines[0]).toBe('timestamp,value,anomaly_score,label')
    expect(lines).toHaveLength(602)
    const [time, value, score, label] = lines[501]!.split(',')
    expect([time, value, label]).toEqual([stamp(500), '90.50', '0'])
    expect(Number(score)).toBeGreaterThanOrEqual(0.5)
    for (const line of lines.slice(1, 500)) expect(Number(line.split(',')[2])).toBeLessThan(0.5)
  })

  it.each([
    ['a folder that is not there', ['--nab', '/nowhere', '--out', '/nowhere'], /cannot read the list of files/],
    ['no folder', [], /usage:/],
    ['an unknown option', ['--nba', 'x'], /usage:/],
  ])('says in one line what is wrong with %s', (_, args, message) => {
    const { status, stderr } = run(...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('    at ')
  })
})
