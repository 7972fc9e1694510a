import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import type { KernelFacts } from './process-reader.ts'

const CLOCK_TICKS = 17n
const PAGE_SIZE = 6n

/** Page size and clock ticks come from the auxiliary vector (getauxval(3)): arm64 kernels have larger pages. */
export function parseAuxv(bytes: Buffer): Pick<KernelFacts, 'ticksPerSecond' | 'pageBytes'> {
  let ticksPerSecond = 100
  let pageBytes = 4096
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const value = Number(bytes.readBigUInt64LE(at + 8))
    const key = bytes.readBigUInt64LE(at)
    if (key === CLOCK_TICKS && value > 0) ticksPerSecond = value
    if (key === PAGE_SIZE && value > 0) pageBytes = value
  }
  return { ticksPerSecond, pageBytes }
}

export function readKernelFacts(procRoot: string): KernelFacts {
  const stat = readFileSync(`${procRoot}/stat`, 'latin1')
  const bootSeconds = Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? Number.NaN)
  const logicalCpus = stat.match(/^cpu\d+ /gm)?.length ?? Math.max(cpus().length, availableParallelism())
  const uptimeMs = Number.parseFloat(readFileSync(`${procRoot}/uptime`, 'latin1')) * 1000
  const bootTimeMs = Number.isFinite(bootSeconds) ? bootSeconds * 1000 : Math.round(Date.now() - uptimeMs)
  return { ...parseAuxv(readAuxv()), logicalCpus, bootTimeMs }
}

function readAuxv(): Buffer {
  try {
    return readFileSync('/proc/self/auxv')
  } catch {
    return Buffer.alloc(0)
  }
}

/** Seconds since boot now, monotonic between calls: the file is read once, the rest is counted. */
export function createUptime(procRoot: string): () => number {
  const atStart = Number.parseFloat(readFileSync(`${procRoot}/uptime`, 'latin1'))
  const startedAt = performance.now()
  return () => atStart + (performance.now() - startedAt) / 1000
}

/** How many descriptors may be kept: half of what this process may open. */
export function keptFilesMax(limitsText: string): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limitsText)?.[1]
  const allowed = soft === undefined ? 256 : soft === 'unlimited' ? KEPT_MAX * 2 : Number(soft)
  return Math.min(Math.floor(allowed / 2), KEPT_MAX)
}

const KEPT_MAX = 16_384
