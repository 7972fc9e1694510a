import { hostMetrics } from '@driftline/proto/metrics'
import type { HostSink } from '../reader.ts'
import { createHostFile } from './host-files.ts'
import type { Limits } from './limits.ts'

/** One part of the host's metrics. */
export interface HostPart {
  /** `seconds` since the last reading; NaN for the first, which has no rates. */
  read(host: HostSink, seconds: number): void | Promise<void>
  close(): void
}

const KIB = 1024
const MODES = ['user', 'system', 'iowait', 'steal', 'idle'] as const

/** CPU modes in ticks. Guest time is part of user time already; interrupts are work of the system. */
export function parseCpuTicks(text: string): Record<(typeof MODES)[number], number> | null {
  const match = /^cpu +(.*)$/m.exec(text)
  if (match === null) return null
  const at = match[1]!.split(' ').map(Number)
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = at
  return { user: user + nice, system: system + irq + softirq, iowait, steal, idle }
}

/** Of a host, or of the limit of the container that is this host. */
export function createCpu(procRoot: string, limits: Limits): HostPart {
  const file = createHostFile(`${procRoot}/stat`, 4096)
  let before: ReturnType<typeof parseCpuTicks> = null
  return {
    read: (host, seconds) => {
      const now = parseCpuTicks(file.read())
      if (now !== null && before !== null) {
        const used = MODES.map((mode) => Math.max(0, now[mode] - before![mode]))
        const total = used.reduce((sum, each) => sum + each, 0)
        if (total > 0) {
          for (const [at, mode] of MODES.entries()) {
            host.set(host.series(hostMetrics.cpuByState, { 'cpu.mode': mode }), used[at]! / total)
          }
          const busy = 1 - (used[MODES.indexOf('idle')]! + used[MODES.indexOf('iowait')]!) / total
          host.set(host.series(hostMetrics.cpu), limits.cpuShare(seconds) ?? busy)
        }
      }
      before = now
    },
    close: file.close,
  }
}

/** A field of `/proc/meminfo`, bytes; NaN if it is not there. */
export function memoryField(text: string, name: string): number {
  const match = new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)
  return match === null ? Number.NaN : Number(match[1]) * KIB
}

export function createMemory(procRoot: string, limits: Limits): HostPart {
  const file = createHostFile(`${procRoot}/meminfo`)
  return {
    read: (host) => {
      const text = file.read()
      const total = memoryField(text, 'MemTotal')
      const limited = limits.memory()
      const limit = limited?.limitBytes ?? total
      const used = limited?.usedBytes ?? total - memoryField(text, 'MemAvailable')
      host.set(host.series(hostMetrics.memoryLimit), limit)
      host.set(host.series(hostMetrics.memoryUsed), used)
      host.set(host.series(hostMetrics.memoryShare), used / limit)
      host.set(host.series(hostMetrics.swapUsed), memoryField(text, 'SwapTotal') - memoryField(text, 'SwapFree'))
    },
    close: file.close,
  }
}

export function createLoad(procRoot: string): HostPart {
  const load = createHostFile(`${procRoot}/loadavg`, 256)
  const uptime = createHostFile(`${procRoot}/uptime`, 256)
  return {
    read: (host) => {
      const [one, five, fifteen] = load.read().split(' ').map(Number)
      host.set(host.series(hostMetrics.load1), one ?? Number.NaN)
      host.set(host.series(hostMetrics.load5), five ?? Number.NaN)
      host.set(host.series(hostMetrics.load15), fifteen ?? Number.NaN)
      host.set(host.series(hostMetrics.uptime), Number.parseFloat(uptime.read()))
    },
    close: () => {
      load.close()
      uptime.close()
    },
  }
}
