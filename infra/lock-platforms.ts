import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An entry of `packages` in package-lock.json, as far as it matters here. */
interface LockedPackage {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm64', 'x64', 'ia32', 'riscv64', 'ppc64', 's390x', 'loong64', 'mips64el', 'wasm32', 'arm']

/**
 * Names the platform packages that a lock file refers to and does not hold. npm leaves them out when the registry that
 * wrote the lock file does not offer them, and then refuses the file everywhere, on those platforms most of all.
 */
export function missingPlatforms(packages: Record<string, LockedPackage>): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {}
  for (const [path, locked] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      const held = `node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages
      const platform = platformOf(name)
      if (held || platform === null || !/^\d/.test(version)) continue
      missing[`node_modules/${name}`] = { version, ...(locked.dev && { dev: true }), optional: true, ...platform }
    }
  }
  return missing
}

/** What a package is for, by its name: such packages end in system, processor and sometimes C library. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> | null {
  const words = name.split('/').at(-1)?.split('-') ?? []
  const system = SYSTEMS.find((each) => words.includes(each))
  const processor = PROCESSORS.find((each) => words.includes(each) || (each === 'arm' && words.includes('armv7')))
  if (system === undefined && processor !== 'wasm32') return null
  return {
    ...(system && { os: [system] }),
    ...(processor && { cpu: [processor] }),
    ...(words.at(-1)?.startsWith('musl') && { libc: ['musl'] }),
  }
}

if (process.argv[1] === import.meta.filename) {
  const file = join(import.meta.dirname, '../package-lock.json')
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> }
  const { '': root = {}, ...rest } = { ...lock.packages, ...missingPlatforms(lock.packages) }
  const sorted = Object.entries(rest).sort(([a], [b]) => a.localeCompare(b, 'en'))
  lock.packages = { '': root, ...Object.fromEntries(sorted) }
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
