// Makes dist/: the client as one JavaScript file that needs only grpc-js and protobuf, with its declarations beside it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))

export async function buildClient({ outdir = join(here, 'dist') } = {}) {
  await build({
    entryPoints: [join(here, 'src/index.ts')],
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['@grpc/grpc-js', '@bufbuild/protobuf'],
    logLevel: 'warning',
  })
  const tsc = join(here, '../node_modules/typescript/bin/tsc')
  const flags = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--target', 'es2023', '--outDir', outdir]
  execFileSync(process.execPath, [tsc, join(here, 'src/types.ts'), ...flags], { stdio: 'inherit' })
  writeFileSync(join(outdir, 'index.d.ts'), declarations)
}

const declarations = `import type { ClientConfig, DriftlineClient, DriftlineErrorCode } from './types.js'
export type * from './types.js'
/** An operation that failed: \`code\` is stable, the message is for people. */
export declare class DriftlineError extends Error {
  readonly code: DriftlineErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
}
/** A connection to the monitor service, made with the first operation and again when it breaks. */
export declare function createDriftlineClient(config: ClientConfig): DriftlineClient
`

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildClient()
