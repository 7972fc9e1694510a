import { statfs } from 'node:fs/promises'
import { hostMetrics } from '@driftline/proto/metrics'
import type { HostPart } from './cpu-and-memory.ts'
import { createHostFile } from './host-files.ts'

/** Local file systems that hold data. Network ones are left out: asking one whose server is gone never returns. */
const REAL = new Set(
  'apfs bcachefs btrfs exfat ext2 ext3 ext4 f2fs hfsplus jfs nilfs2 ntfs ntfs3 reiserfs ufs vfat xfs zfs'.split(' '),
)
const MOUNTS_MAX = 64
const REFRESH_SECONDS = 10

/** Mount points of real file systems, one per device: bind mounts show the same one again. */
export function parseMounts(mountinfo: string): string[] {
  const byDevice = new Map<string, string>()
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , device, , mountPoint] = before.split(' ')
    const type = after.split(' ')[0] ?? ''
    if (device === undefined || mountPoint === undefined) continue
    // A container's root is an overlay: it is what fills up there.
    if (!REAL.has(type) && !(type === 'overlay' && mountPoint === '/')) continue
    const path = unescapeMount(mountPoint)
    const known = byDevice.get(device)
    if (known === undefined || path.length < known.length) byDevice.set(device, path)
  }
  return [...byDevice.values()].slice(0, MOUNTS_MAX)
}

/** The kernel writes blanks and backslashes as octal; the bytes behind may be UTF-8. */
function unescapeMount(path: string): string {
  const raw = path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return Buffer.from(raw, 'latin1').toString('utf8')
}

interface Usage {
  readonly usedBytes: number
  readonly share: number
}

/** Asked in the background every 10 s; a file system that does not answer is not asked again until it has. */
export function createFilesystems(procRoot: string, hostRoot: string): HostPart {
  const file = createHostFile(`${procRoot}/self/mountinfo`)
  const usages = new Map<string, Usage>()
  const pending = new Set<string>()
  let mounts: string[] = []
  let age = Number.POSITIVE_INFINITY

  const ask = async (mount: string): Promise<void> => {
    if (pending.has(mount)) {
      usages.delete(mount)
      return
    }
    pending.add(mount)
    try {
      const { blocks, bfree, bavail, bsize } = await statfs(`${hostRoot}${mount}`)
      const used = blocks - bfree
      if (blocks > 0) usages.set(mount, { usedBytes: used * bsize, share: used / (used + bavail) })
    } catch {
      usages.delete(mount)
    } finally {
      pending.delete(mount)
    }
  }

  return {
    read: (host, seconds) => {
      age += seconds > 0 ? seconds : REFRESH_SECONDS
      if (age >= REFRESH_SECONDS) {
        age = 0
        mounts = parseMounts(file.read())
        for (const known of usages.keys()) if (!mounts.includes(known)) usages.delete(known)
        for (const mount of mounts) void ask(mount)
      }
      for (const [mount, usage] of usages) {
        const attributes = { 'system.filesystem.mountpoint': mount }
        host.set(host.series(hostMetrics.filesystemUsed, attributes), usage.usedBytes)
        host.set(host.series(hostMetrics.filesystemShare, attributes), usage.share)
      }
    },
    close: file.close,
  }
}
