import { existsSync, readdirSync } from 'node:fs'
import { hostMetrics } from '@driftline/proto/metrics'
import type { HostPart } from './cpu-and-memory.ts'
import { createHostFile } from './host-files.ts'

export interface DiskCounters {
  readonly device: string
  readonly readBytes: number
  readonly writeBytes: number
  readonly busyMs: number
}

/** `/proc/diskstats` counts in sectors of 512 bytes, whatever the device's own are. */
const SECTOR_BYTES = 512
const DEVICES_MAX = 64
/** Not storage, or the paths of a multipath device that is listed itself. */
const NOT_STORAGE = /^(loop|ram|zram|sr|fd|nbd)\d|^nvme\d+c\d+n\d+/
const PARTITION = /^(?:(?:sd|vd|xvd|hd)[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+|md\d+|nbd\d+)p\d+|mmcblk\d+boot\d+)$/

export function parseDiskstats(text: string): DiskCounters[] {
  const disks: DiskCounters[] = []
  for (const line of text.split('\n')) {
    const [, , device, reads, , readSectors, , writes, , writtenSectors, , , busyMs] = line.trim().split(/\s+/)
    if (device === undefined || busyMs === undefined || NOT_STORAGE.test(device)) continue
    // Devices that never worked, such as empty slots, say nothing.
    if (reads === '0' && writes === '0') continue
    const bytes = (sectors: string | undefined): number => Number(sectors) * SECTOR_BYTES
    disks.push({ device, readBytes: bytes(readSectors), writeBytes: bytes(writtenSectors), busyMs: Number(busyMs) })
  }
  return disks
}

/** How a device counts: not at all (a partition), by itself only (it stands on other devices), or in the total too. */
export type DiskRole = 'part' | 'stacked' | 'physical'

/** `blockRoot` is `/sys/block`, which lists whole devices only and what each stands on. */
export function diskRole(blockRoot: string, device: string): DiskRole {
  if (!existsSync(blockRoot))
    return PARTITION.test(device) ? 'part' : /^(dm-|md)\d/.test(device) ? 'stacked' : 'physical'
  const directory = `${blockRoot}/${device.replaceAll('/', '!')}`
  if (!existsSync(directory)) return 'part'
  try {
    return readdirSync(`${directory}/slaves`).length > 0 ? 'stacked' : 'physical'
  } catch {
    return 'physical'
  }
}

export function createDisks(procRoot: string, blockRoot: string): HostPart {
  const file = createHostFile(`${procRoot}/diskstats`)
  let before = new Map<string, DiskCounters>()
  const roles = new Map<string, DiskRole>()
  const roleOf = (device: string): DiskRole => {
    const role = roles.get(device) ?? diskRole(blockRoot, device)
    if (roles.size < DEVICES_MAX * 16) roles.set(device, role)
    return role
  }
  return {
    read: (host, seconds) => {
      const disks = parseDiskstats(file.read()).filter((disk) => roleOf(disk.device) !== 'part')
      const total = { read: 0, write: 0, busy: 0 }
      let measured = 0
      for (const disk of disks.slice(0, DEVICES_MAX)) {
        const last = before.get(disk.device)
        if (last === undefined || !(seconds > 0)) continue
        measured++
        const read = Math.max(0, disk.readBytes - last.readBytes) / seconds
        const write = Math.max(0, disk.writeBytes - last.writeBytes) / seconds
        const busy = Math.min(1, Math.max(0, disk.busyMs - last.busyMs) / 1000 / seconds)
        const attributes = { 'system.device': disk.device }
        host.set(host.series(hostMetrics.diskRead, attributes), read)
        host.set(host.series(hostMetrics.diskWrite, attributes), write)
        host.set(host.series(hostMetrics.diskBusy, attributes), busy)
        total.busy = Math.max(total.busy, busy)
        if (roleOf(disk.device) === 'stacked') continue
        total.read += read
        total.write += write
      }
      before = new Map(disks.map((disk) => [disk.device, disk]))
      if (measured === 0) return
      host.set(host.series(hostMetrics.diskRead), total.read)
      host.set(host.series(hostMetrics.diskWrite), total.write)
      host.set(host.series(hostMetrics.diskBusy), total.busy)
    },
    close: file.close,
  }
}
