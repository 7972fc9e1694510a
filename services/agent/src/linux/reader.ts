import { readFileSync } from 'node:fs'
import { arch, release } from 'node:os'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import { hostMetrics } from '@driftline/proto/metrics'
import type { Describe } from '../privacy.ts'
import type { HostFacts, ProcessReader } from '../reader.ts'
import { createContainerNames } from './container-names.ts'
import { createCpu, createLoad, createMemory, memoryField } from './cpu-and-memory.ts'
import { createDisks } from './disks.ts'
import { createFilesystems } from './filesystems.ts'
import { createIdentityReader } from './identity.ts'
import { createIoReader } from './io-reader.ts'
import { createUptime, keptFilesMax, readKernelFacts } from './kernel-facts.ts'
import { createLimits } from './limits.ts'
import { createNetwork } from './network.ts'
import { createProcFiles } from './proc-files.ts'
import { createProcessScan } from './process-reader.ts'
import { createUsers } from './users.ts'

export interface LinuxReaderConfig {
  /** Where processes are seen, usually `/proc`; a mount of another machine's, or a fixture. */
  readonly procRoot: string
  /** Where the rest of the host's files are seen: empty for this host, or a mount such as `/host`. */
  readonly hostRoot: string
  /** Start times stay the same over restarts of the agent when it remembers the boot time; null to read it. */
  readonly bootTimeMs: number | null
}

export function createLinuxReader(
  config: LinuxReaderConfig,
  deps: { describe: Describe; clock: Clock },
): ProcessReader {
  const { procRoot, hostRoot } = config
  const kernel = readKernel(config)
  const memoryBytes = memoryField(readText(`${procRoot}/meminfo`), 'MemTotal')
  const files = createProcFiles(keptFilesMax(readText('/proc/self/limits')))
  const uptime = createUptime(procRoot)
  const nowMs = (): number => deps.clock.nowMs()
  const identities = createIdentityReader(procRoot, {
    files,
    users: createUsers(`${hostRoot}/etc/passwd`, nowMs),
    containers: createContainerNames(hostRoot, nowMs),
  })
  const io = createIoReader(procRoot, files)
  const processes = createProcessScan(procRoot, { files, identities, io, describe: deps.describe, kernel, uptime })
  const limits = createLimits(`${hostRoot}/sys/fs/cgroup`, { cpus: kernel.logicalCpus, memoryBytes })
  const parts = [
    createCpu(procRoot, limits),
    createMemory(procRoot, limits),
    createLoad(procRoot),
    createDisks(procRoot, `${hostRoot}/sys/block`),
    createFilesystems(procRoot, hostRoot),
    createNetwork(procRoot, `${hostRoot}/sys/class/net`),
  ]
  let count = 0
  let readAt = Number.NaN

  const facts = (): HostFacts => ({
    ...osRelease(readText(`${hostRoot}/etc/os-release`)),
    kernel: release(),
    architecture: arch(),
    logicalCpus: Math.max(1, Math.ceil(limits.cores() ?? kernel.logicalCpus)),
    memoryBytes: limits.memory()?.limitBytes ?? memoryBytes,
    bootTimeMs: kernel.bootTimeMs,
  })
  return {
    facts: async () => facts(),
    scanProcesses: async (table) => {
      await processes.scan(table)
      count = table.count() + processes.denied()
    },
    scanHost: async (host) => {
      const now = uptime()
      for (const part of parts) await part.read(host, now - readAt)
      readAt = now
      host.set(host.series(hostMetrics.processes), count)
    },
    close: () => {
      processes.close()
      for (const part of parts) part.close()
      limits.close()
    },
  }
}

function readKernel(config: LinuxReaderConfig) {
  try {
    const kernel = readKernelFacts(config.procRoot)
    return { ...kernel, bootTimeMs: config.bootTimeMs ?? kernel.bootTimeMs }
  } catch (cause) {
    throw new AppError('data_dir_unusable', `cannot read processes from ${config.procRoot}`, { cause })
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export function osRelease(text: string): { osName: string; osVersion: string } {
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  return { osName: value('NAME') || 'Linux', osVersion: value('VERSION_ID') }
}
