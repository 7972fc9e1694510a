// Bundles every service to dist/main.js: workspace packages are inlined, npm packages stay outside. With `--web`, and
// when something in web/ is newer than its last build, the web app too.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const externalPackages = {
  name: 'external-packages',
  setup(setup) {
    setup.onResolve({ filter: /^[^./]/ }, (args) => {
      if (args.kind === 'entry-point' || args.path.startsWith('@driftline/')) return undefined
      // It imports its package.json, of which Node.js 20 would warn at each start.
      if (args.path === 'aedes') return undefined
      return { path: args.path, external: true }
    })
  },
}

/** Services that have the checker in them bring the process along in which drivers that may hang ask databases. */
const asksDatabases = ['checker', 'all-in-one']
const databaseChild = 'services/checker/src/types/sql/database-child.ts'

/** Services that have the analyzer in them bring its thread for training along. */
const trainsForests = ['analyzer', 'all-in-one']
/** Those that have the gateway in them bring its thread for reports along. */
const printsReports = ['gateway', 'all-in-one']
const pdfWorker = 'services/gateway/src/reports/pdf/pdf-worker.ts'
const forestWorker = 'services/analyzer/src/detectors/isolation-forest/forest-worker.ts'

async function bundleServices() {
  const services = readdirSync(join(root, 'services')).filter((name) =>
    existsSync(join(root, 'services', name, 'src/main.ts')),
  )
  await Promise.all(
    services.map(async (name) => {
      const outdir = join(root, 'services', name, 'dist')
      rmSync(outdir, { recursive: true, force: true })
      await build({
        entryPoints: {
          main: join(root, 'services', name, 'src/main.ts'),
          'chdb-child': join(root, 'services/platform/src/analytics/chdb-child.ts'),
          ...(printsReports.includes(name) && { 'pdf-worker': join(root, pdfWorker) }),
          ...(trainsForests.includes(name) && { 'forest-worker': join(root, forestWorker) }),
          ...(asksDatabases.includes(name) && { 'database-child': join(root, databaseChild) }),
        },
        outdir,
        absWorkingDir: root,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        sourcemap: 'linked',
        splitting: true,
        plugins: [externalPackages],
        logLevel: 'warning',
      })
    }),
  )
}

async function bundleAgent() {
  const script = join(root, 'services/agent/build.mjs')
  if (existsSync(script)) await (await import(script)).buildAgent()
}

function newestUnder(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(
    0,
    ...readdirSync(path)
      .filter((name) => name !== 'dist' && name !== 'node_modules')
      .map((name) => newestUnder(join(path, name))),
  )
}

function buildWeb() {
  const index = join(root, 'web/dist/index.html')
  if (existsSync(index) && statSync(index).mtimeMs > newestUnder(join(root, 'web'))) return
  execFileSync(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'web'),
    stdio: 'inherit',
  })
}

await Promise.all([bundleServices(), bundleAgent()])
if (process.argv.includes('--web')) buildWeb()
