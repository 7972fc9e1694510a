import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { topics } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { missingPlatforms } from '../lock-platforms.ts'
import { functionSizes, importsOf } from './functions.ts'
import { isTest, root, sources } from './sources.ts'

const FILE_LINES_MAX = 500
const FUNCTION_LINES_MAX = 70

const typescript = sources('.ts', '.mts')
const vue = sources('.vue')
const production = typescript.filter((file) => !isTest(file.path))

describe('size', () => {
  test(`no file is longer than ${FILE_LINES_MAX} lines`, () => {
    const long = [...typescript, ...vue].filter((file) => file.text.split('\n').length > FILE_LINES_MAX)
    expect(long.map((file) => file.path)).toEqual([])
  })

  test(`no function is longer than ${FUNCTION_LINES_MAX} lines, functions inside it not counted`, () => {
    const long = production.flatMap((file) =>
      functionSizes(file.path, file.text)
        .filter((size) => size.lines > FUNCTION_LINES_MAX)
        .map((size) => `${file.path}:${size.line} ${size.name}: ${size.lines} lines`),
    )
    expect(long).toEqual([])
  })
})

describe('imports', () => {
  /** Which workspaces a file may import, by where it stands. */
  const allowed = (path: string): RegExp => {
    if (path.startsWith('proto/')) return /^@driftline\/proto$/
    if (path.startsWith('services/platform/')) return /^@driftline\/(proto|platform)/
    if (path.startsWith('checks/')) return /^@driftline\/(proto|platform)/
    if (path.startsWith('ingest/')) return /^@driftline\/(proto|platform|checks)/
    if (path.startsWith('services/all-in-one/')) return /^@driftline\//
    if (path.startsWith('services/')) return /^@driftline\/(proto|platform|checks|ingest)/
    return /^@driftline\//
  }

  test('services import proto, platform, checks and ingest, never each other', () => {
    const wrong = production
      .filter((file) => /^(proto|checks|ingest|services)\//.test(file.path))
      .flatMap((file) =>
        importsOf(file.path, file.text)
          .filter((module) => module.startsWith('@driftline/') && !allowed(file.path).test(module))
          .map((module) => `${file.path} imports ${module}`),
      )
    expect(wrong).toEqual([])
  })

  test('relative imports stay inside their workspace', () => {
    const workspace = (path: string): string => path.split('/', path.startsWith('services/') ? 2 : 1).join('/')
    const wrong = production
      .filter((file) => /^(proto|checks|ingest|services|web)\//.test(file.path))
      .flatMap((file) =>
        importsOf(file.path, file.text)
          .filter((module) => module.startsWith('.'))
          .filter((module) => workspace(join(file.path, '..', module)) !== workspace(file.path))
          .map((module) => `${file.path} imports ${module}`),
      )
    expect(wrong).toEqual([])
  })

  test('libraries behind a port are imported by that port alone', () => {
    const owners: Record<string, RegExp> = {
      kafkajs: /^services\/platform\/src\/bus\/|^examples\/|^bench\//,
      ioredis: /^services\/platform\/src\/hot-state\//,
      lmdb: /^services\/(platform\/src\/bus\/|analyzer\/src\/checkpoints\.ts$)/,
      libsql: /^services\/(platform\/src\/(metadata\/|data-dir\.ts$)|checker\/src\/types\/sql\/)/,
      pg: /^services\/(platform\/src\/metadata|checker\/src\/types\/sql)\//,
      'ffi-rs': /^services\/platform\/src\/analytics\//,
      chdb: /^services\/platform\/src\/analytics\//,
      '@clickhouse/client': /^services\/platform\/src\/analytics\//,
    }
    const wrong = production.flatMap((file) =>
      importsOf(file.path, file.text)
        .filter((module) => owners[module] && !owners[module].test(file.path))
        .map((module) => `${file.path} imports ${module}`),
    )
    expect(wrong).toEqual([])
  })
})

test('process.env is read only where a process starts', () => {
  const wrong = production
    .filter(
      (file) =>
        /^(services\/[^/]+|ingest|checks)\/src\//.test(file.path) && !/\/(main|[a-z-]+-child)\.ts$/.test(file.path),
    )
    .filter((file) => file.text.includes('process.env'))
  expect(wrong.map((file) => file.path)).toEqual([])
})

test('every service has its three files and a README', () => {
  const paths = new Set(sources('.ts', '.md').map((file) => file.path))
  const services = new Set([...paths].map((path) => /^services\/([^/]+)\//.exec(path)?.[1]).filter((name) => name))
  const missing = [...services]
    .filter((name) => name !== 'platform')
    .flatMap((name) => [`services/${name}/src/main.ts`, `services/${name}/src/config.ts`, `services/${name}/README.md`])
    .filter((path) => !paths.has(path))
  expect(missing).toEqual([])
})

test('every topic is documented', () => {
  const documented = readFileSync(join(root, 'docs/TOPICS.md'), 'utf8')
  const missing = Object.values(topics).filter((topic) => !documented.includes(`\`${topic.name}\``))
  expect(missing.map((topic) => topic.name)).toEqual([])
})

test('every decision record is listed', () => {
  const index = readFileSync(join(root, 'docs/adr/README.md'), 'utf8')
  const records = sources('.md').filter((file) => /^docs\/adr\/\d/.test(file.path))
  expect(
    records.filter((file) => !index.includes(file.path.slice('docs/adr/'.length))).map((file) => file.path),
  ).toEqual([])
})

test('nothing is left over', () => {
  const rules: [string, RegExp][] = [
    ['unfinished work', /\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/],
    ['a test switched off or singled out', /\b(it|test|describe)\.(skip|only|todo)\b/],
    ['types switched off', /@ts-(ignore|nocheck|expect-error)|\bas an[y]\b/],
    ['a path of one machine', /\/(work|farm|root)\/(?!\*)/],
  ]
  const found = sources('.ts', '.vue', '.mjs', '.sh', '.md', '.css', '.proto', '.sql').flatMap((file) =>
    rules.filter(([, pattern]) => pattern.test(file.text)).map(([what]) => `${file.path}: ${what}`),
  )
  expect(found.filter((line) => !line.startsWith('infra/tidy/'))).toEqual([])
})

test('dependencies are pinned exactly', () => {
  const loose = sources('package.json').flatMap((file) => {
    const manifest = JSON.parse(file.text) as Record<string, Record<string, string> | undefined>
    return ['dependencies', 'devDependencies', 'optionalDependencies']
      .flatMap((field) => Object.entries(manifest[field] ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${file.path}: ${name} ${version}`)
  })
  expect(loose).toEqual([])
})

test('the lock file holds the packages of every platform (npm run lock-platforms)', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Parameters<typeof missingPlatforms>[0]
  }
  expect(Object.keys(missingPlatforms(lock.packages))).toEqual([])
})

test('the lock file names no registry', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "https?:/)
})
