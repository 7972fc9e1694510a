import { existsSync } from 'node:fs'
import { createHostFile } from './host-files.ts'

/**
 * Limits of the container that this host is, if it is one. Only the root of the mounted hierarchy counts: there a
 * container sees its own limits, while on a real host limits of the agent's own unit are not those of the host.
 */
export interface Limits {
  /** Cores that may be used; null without a limit below the host's. */
  cores(): number | null
  /** Share of the allowed CPU time that was used over `seconds`; null without a limit. */
  cpuShare(seconds: number): number | null
  memory(): { readonly limitBytes: number; readonly usedBytes: number } | null
  close(): void
}

const NO_LIMITS: Limits = { cores: () => null, cpuShare: () => null, memory: () => null, close: () => {} }

/** `root` is where cgroups are mounted, usually `/sys/fs/cgroup`. */
export function createLimits(root: string, host: { cpus: number; memoryBytes: number }): Limits {
  // The root of a real host has no `memory.max` in version 2; in version 1 it says "no limit" by a huge number.
  if (existsSync(`${root}/memory.max`)) return createLimitsOf(version2(root), host)
  if (existsSync(`${root}/memory/memory.limit_in_bytes`)) return createLimitsOf(version1(root), host)
  return NO_LIMITS
}

interface Source {
  /** Cores; infinite without a quota. */
  cores(): number
  /** CPU time used so far, seconds. */
  cpuSeconds(): number
  memoryLimit(): number
  /** Without the part of the page cache that can go at once. */
  memoryUsed(): number
  close(): void
}

function createLimitsOf(source: Source, host: { cpus: number; memoryBytes: number }): Limits {
  let before = Number.NaN
  const cores = (): number | null => {
    const allowed = source.cores()
    return allowed > 0 && allowed < host.cpus ? allowed : null
  }
  return {
    cores,
    cpuShare: (seconds) => {
      const allowed = cores()
      const now = source.cpuSeconds()
      const share = allowed === null ? Number.NaN : (now - before) / (seconds * allowed)
      before = now
      return Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : null
    },
    memory: () => {
      const limitBytes = source.memoryLimit()
      if (!(limitBytes > 0 && limitBytes < host.memoryBytes)) return null
      return { limitBytes, usedBytes: source.memoryUsed() }
    },
    close: source.close,
  }
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
/** `max` and an absent file mean no limit. */
const limitOf = (text: string): number => (/^\d/.test(text) ? Number.parseInt(text, 10) : Number.POSITIVE_INFINITY)

function version2(root: string): Source {
  const files = sourceFiles(root, ['cpu.max', 'cpu.stat', 'memory.max', 'memory.current', 'memory.stat'])
  return {
    cores: () => {
      const [quota = '', period = '100000'] = files.read('cpu.max').split(' ')
      return limitOf(quota) / Number(period)
    },
    cpuSeconds: () => field(files.read('cpu.stat'), 'usage_usec') / 1e6,
    memoryLimit: () => limitOf(files.read('memory.max')),
    memoryUsed: () =>
      Math.max(0, limitOf(files.read('memory.current')) - (field(files.read('memory.stat'), 'inactive_file') || 0)),
    close: files.close,
  }
}

function version1(root: string): Source {
  const files = sourceFiles(root, [
    'cpu/cpu.cfs_quota_us',
    'cpu/cpu.cfs_period_us',
    'cpuacct/cpuacct.usage',
    'memory/memory.limit_in_bytes',
    'memory/memory.usage_in_bytes',
    'memory/memory.stat',
  ])
  return {
    // The quota is -1 without a limit.
    cores: () => limitOf(files.read('cpu/cpu.cfs_quota_us')) / limitOf(files.read('cpu/cpu.cfs_period_us')),
    cpuSeconds: () => limitOf(files.read('cpuacct/cpuacct.usage')) / 1e9,
    memoryLimit: () => limitOf(files.read('memory/memory.limit_in_bytes')),
    memoryUsed: () => {
      const inactive = field(files.read('memory/memory.stat'), 'total_inactive_file') || 0
      return Math.max(0, limitOf(files.read('memory/memory.usage_in_bytes')) - inactive)
    },
    close: files.close,
  }
}

function sourceFiles(root: string, names: readonly string[]): { read(name: string): string; close(): void } {
  const files = new Map(names.map((name) => [name, createHostFile(`${root}/${name}`, 8192)]))
  return {
    read: (name) => files.get(name)!.read(),
    close: () => {
      for (const file of files.values()) file.close()
    },
  }
}
