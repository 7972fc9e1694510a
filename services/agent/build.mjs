import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))

/**
 * Builds the agent as one file that needs nothing but Node.js. Answers esbuild's metafile, which says what went in.
 * `outfile` is `dist/driftline-agent.mjs` of this package unless told otherwise.
 */
export async function buildAgent({ outfile = join(here, 'dist/driftline-agent.mjs') } = {}) {
  const { metafile } = await build({
    entryPoints: [join(here, 'src/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // The source text of the bundle stays in memory while it runs: small is cheap.
    minify: true,
    keepNames: false,
    legalComments: 'linked',
    metafile: true,
    // grpc-js asks for it only to serve channelz, which an agent does not.
    alias: { '@grpc/proto-loader': join(here, 'src/no-proto-loader.cjs') },
    // CommonJS packages inside of the bundle ask for Node's own modules by `require`.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
  chmodSync(outfile, 0o755)
  return metafile
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAgent()
