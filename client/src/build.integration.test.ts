import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

const client = join(import.meta.dirname, '..')
/** Inside of the checkout, so that the two packages that the client needs are found. */
let outdir: string

beforeAll(() => {
  outdir = mkdtempSync(join(client, 'dist-test-'))
  execFileSync(process.execPath, [
    '--input-type=module',
    '--eval',
    `await (await import(${JSON.stringify(join(client, 'build.mjs'))})).buildClient({ outdir: ${JSON.stringify(outdir)} })`,
  ])
})
afterAll(() => rmSync(outdir, { recursive: true, force: true }))

function complaintsOf(name: string, program: string): string {
  writeFileSync(join(outdir, name), program)
  const tsc = join(client, '../node_modules/typescript/bin/tsc')
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023']
  return spawnSync(process.execPath, [tsc, join(outdir, name), ...flags]).stdout.toString()
}

it('the built client is a program of its own, and says why it cannot reach anybody', () => {
  const program = `
    import { createDriftlineClient, DriftlineError } from ${JSON.stringify(join(outdir, 'index.js'))}
    const driftline = createDriftlineClient({ address: '127.0.0.1:1', apiKey: 'x', timeoutMs: 2000 })
    await driftline.monitorProcess('host:a').catch((error) => {
      process.stdout.write(JSON.stringify([error instanceof DriftlineError, error.code, error.retryable]))
    })
    driftline.close()`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: client })
  expect(JSON.parse(printed.toString())).toEqual([true, 'unavailable', true])
})

it('its declarations hold for a program that knows nothing of this checkout', () => {
  const program = `
    import { createDriftlineClient, type DriftlineClient, DriftlineError, type ProcessMetrics } from './index.js'
    const client: DriftlineClient = createDriftlineClient({ address: '127.0.0.1:8091', apiKey: 'x', tls: true })
    export const metrics: Promise<ProcessMetrics> = client.monitorProcess('host:a')
    export const isFinal = (error: unknown): boolean => error instanceof DriftlineError && !error.retryable
    client.trackPerformance('host:a', { from: FROM })`
  expect(complaintsOf('right.ts', program.replace('FROM', 'new Date(0)'))).toBe('')
  expect(complaintsOf('wrong.ts', program.replace('FROM', "'yesterday'"))).toMatch(/'string' is not assignable to/)
  expect(readFileSync(join(outdir, 'types.d.ts'), 'utf8')).not.toContain('import')
})
