import { arch, cpus, loadavg, release, totalmem, uptime } from 'node:os'
import { hostMetrics } from '@driftline/proto/metrics'
import type { Systeminformation } from 'systeminformation'
import type { Describe } from '../privacy.ts'
import type { HostFacts, HostSink, ProcessReader } from '../reader.ts'
import { End, type InstanceTable, State } from '../table.ts'
import { splitCommand } from './split-command.ts'

type Library = typeof import('systeminformation')
type Process = Systeminformation.ProcessesProcessData

const KIB = 1024
/** The library gives CPU time as percent of all CPUs, but what `ps` says where it asks that: percent of one. */
const CPU_OF_ALL = process.platform === 'linux' || process.platform === 'win32'
/** The library measures disks and file systems slowly: every so many seconds is enough. */
const SLOW_SECONDS = 10
/** Local file systems of macOS and Windows as well as of Linux. */
const REAL = /^(apfs|hfs|ntfs|refs|exfat|fat32|vfat|ext[234]|xfs|btrfs|zfs)$/i

/**
 * Reads processes through `systeminformation`, for systems without `/proc`. It starts programs of the system for each
 * scan, which costs a hundred times what reading `/proc` does; bytes per process and open files are not to be had.
 */
export async function createPortableReader({ describe }: { describe: Describe }): Promise<ProcessReader> {
  // Large, and of no use where `/proc` is: loaded here only.
  const { default: systeminformation } = await import('systeminformation')
  let seen = new Map<number, string>()
  let slow: Slow = { filesystems: [] }
  let slowAt = Number.NEGATIVE_INFINITY
  let count = 0

  return {
    facts: () => readFacts(systeminformation),
    scanProcesses: async (table) => {
      const { list: all } = await systeminformation.processes()
      // Pid 0 is Windows' idle process: time that nobody used.
      const list = all.filter((each) => each.pid > 0)
      count = list.length
      const now = new Map<number, string>()
      for (const each of list) {
        visit(table, describe, each, seen.get(each.pid))
        now.set(each.pid, each.command)
      }
      endUnseen(table, now)
      seen = now
    },
    scanHost: async (host) => {
      if (performance.now() - slowAt > SLOW_SECONDS * 1000) {
        slowAt = performance.now()
        slow = await readSlow(systeminformation)
      }
      await readCpuAndMemory(systeminformation, host)
      await readTraffic(systeminformation, host)
      writeFilesystems(host, slow)
      host.set(host.series(hostMetrics.processes), count)
    },
    close: () => {},
  }
}

async function readFacts(systeminformation: Library): Promise<HostFacts> {
  const { distro, release: version } = await systeminformation.osInfo()
  return {
    osName: distro,
    osVersion: version,
    kernel: release(),
    architecture: arch(),
    logicalCpus: cpus().length,
    memoryBytes: totalmem(),
    bootTimeMs: Math.round(Date.now() - uptime() * 1000),
  }
}

/** `known` is the command line that the instance had in the scan before. */
function visit(table: InstanceTable, describe: Describe, each: Process, known: string | undefined): void {
  const startTimeMs = startOf(each)
  let slot = table.slotOf(each.pid)
  // The library gives start times in whole seconds, and not on every system: a change of more is another instance.
  if (slot >= 0 && Math.abs(table.columns().startTimeMs[slot]! - startTimeMs) > 2000) {
    table.end(slot, End.unknown)
    slot = -1
  }
  const isNew = slot < 0
  if (isNew) slot = table.add(each.pid, startTimeMs)
  if (isNew || known !== each.command) table.identify(slot, describe(rawOf(each)))
  const columns = table.columns()
  columns.parentPid[slot] = each.parentPid
  columns.state[slot] = stateOf(each.state)
  columns.cpuCores[slot] = (each.cpu / 100) * (CPU_OF_ALL ? cpus().length : 1)
  columns.residentBytes[slot] = each.memRss * KIB
  columns.virtualBytes[slot] = each.memVsz * KIB
  columns.threads[slot] = 0
}

function endUnseen(table: InstanceTable, now: ReadonlyMap<number, string>): void {
  const columns = table.columns()
  for (let slot = 0; slot < table.size(); slot++) {
    if (columns.pid[slot] !== 0 && !now.has(columns.pid[slot]!)) table.end(slot, End.unknown)
  }
}

function startOf(each: Process): number {
  const parsed = Date.parse(each.started)
  return Number.isFinite(parsed) ? parsed : 0
}

function rawOf(each: Process) {
  // Some systems give the command line with its arguments apart, some as one text.
  const args = splitCommand([each.command, each.params].filter((part) => part !== '').join(' '))
  return {
    pid: each.pid,
    parentPid: each.parentPid,
    name: each.name,
    args,
    executable: each.path === '' ? '' : `${each.path}/${each.name}`,
    user: each.user,
    unit: '',
    container: '',
    kernelThread: false,
  }
}

function stateOf(state: string): number {
  const states: Record<string, number> = {
    running: State.running,
    sleeping: State.sleeping,
    blocked: State.diskSleep,
    stopped: State.stopped,
    zombie: State.zombie,
  }
  return states[state] ?? State.unknown
}

interface Slow {
  readonly filesystems: readonly Systeminformation.FsSizeData[]
}

async function readSlow(systeminformation: Library): Promise<Slow> {
  const all = await systeminformation.fsSize()
  return { filesystems: all.filter((each) => REAL.test(each.type)) }
}

async function readCpuAndMemory(systeminformation: Library, host: HostSink): Promise<void> {
  const load = await systeminformation.currentLoad()
  host.set(host.series(hostMetrics.cpu), load.currentLoad / 100)
  const modes = {
    user: load.currentLoadUser + load.currentLoadNice,
    system: load.currentLoadSystem,
    idle: load.currentLoadIdle,
  }
  for (const [mode, percent] of Object.entries(modes)) {
    host.set(host.series(hostMetrics.cpuByState, { 'cpu.mode': mode }), percent / 100)
  }
  const memory = await systeminformation.mem()
  host.set(host.series(hostMetrics.memoryLimit), memory.total)
  host.set(host.series(hostMetrics.memoryUsed), memory.total - memory.available)
  host.set(host.series(hostMetrics.memoryShare), (memory.total - memory.available) / memory.total)
  host.set(host.series(hostMetrics.swapUsed), memory.swapused)
  host.set(host.series(hostMetrics.uptime), uptime())
  // Windows has no load average and says zero.
  if (process.platform === 'win32') return
  for (const [at, metric] of [hostMetrics.load1, hostMetrics.load5, hostMetrics.load15].entries()) {
    host.set(host.series(metric), loadavg()[at]!)
  }
}

async function readTraffic(systeminformation: Library, host: HostSink): Promise<void> {
  const total = { receive: 0, transmit: 0 }
  for (const each of await systeminformation.networkStats('*')) {
    if (/^lo\d*$|loopback/i.test(each.iface) || each.rx_sec === null || each.tx_sec === null) continue
    const attributes = { 'network.interface.name': each.iface }
    host.set(host.series(hostMetrics.networkReceive, attributes), each.rx_sec)
    host.set(host.series(hostMetrics.networkTransmit, attributes), each.tx_sec)
    total.receive += each.rx_sec
    total.transmit += each.tx_sec
  }
  host.set(host.series(hostMetrics.networkReceive), total.receive)
  host.set(host.series(hostMetrics.networkTransmit), total.transmit)
  // Answers null where the system has no such counters.
  const disks = (await systeminformation.fsStats()) as Systeminformation.FsStatsData | null
  host.set(host.series(hostMetrics.diskRead), disks?.rx_sec ?? Number.NaN)
  host.set(host.series(hostMetrics.diskWrite), disks?.wx_sec ?? Number.NaN)
}

function writeFilesystems(host: HostSink, { filesystems }: Slow): void {
  for (const { mount, used, size } of filesystems) {
    const attributes = { 'system.filesystem.mountpoint': mount }
    host.set(host.series(hostMetrics.filesystemUsed, attributes), used)
    host.set(host.series(hostMetrics.filesystemShare, attributes), used / size)
  }
}
