import { execFileSync } from 'node:child_process'
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
    // @ts-expect-error a range is of dates
    client.trackPerformance('host:a', { from: 'yesterday' })`
  writeFileSync(join(outdir, 'program.ts'), program)
  const tsc = join(client, '../node_modules/typescript/bin/tsc')
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023']
  execFileSync(process.execPath, [tsc, join(outdir, 'program.ts'), ...flags], { stdio: 'inherit' })
  expect(readFileSync(join(outdir, 'types.d.ts'), 'utf8')).not.toContain('import')
})
