import { describe, expect, it } from 'vitest'
import { memoryField, parseCpuTicks } from './cpu-and-memory.ts'
import { diskRole, parseDiskstats } from './disks.ts'
import { parseMounts } from './filesystems.ts'
import { keptFilesMax, parseAuxv } from './kernel-facts.ts'
import { parseNetDev } from './network.ts'
import { osRelease } from './reader.ts'
import { parsePasswd } from './users.ts'

describe('files about the host', () => {
  it('sums CPU modes', () => {
    expect(parseCpuTicks('cpu  10 5 20 100 7 1 2 3 4 0\ncpu0 1 1 1 1\n')).toEqual({
      user: 15,
      system: 23,
      iowait: 7,
      steal: 3,
      idle: 100,
    })
    expect(parseCpuTicks('')).toBeNull()
  })

  it('finds fields of meminfo', () => {
    const text = 'MemTotal:       24683656 kB\nMemFree: 1 kB\nSwapTotal:  0 kB\n'
    expect(memoryField(text, 'MemTotal')).toBe(24683656 * 1024)
    expect(memoryField(text, 'Total')).toBeNaN()
  })

  it('leaves out devices that are no storage or never worked', () => {
    const text = [
      '   7       0 loop0 9 0 9 0 9 0 9 0 0 9 9 0 0 0 0 0 0',
      ' 254       0 vda 60579 10741 3304562 16099 28125 38306 5149120 24911 0 9024 41957 8369 26 671496 734 3354 211',
      ' 254       1 vda1 6 1 8 1 2 3 16 2 0 9 4',
      ' 253       0 zram0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
      ' 259       0 nvme0n1 0 0 0 0 0 0 0 0 0 0 0',
      'garbage',
    ].join('\n')
    expect(parseDiskstats(text)).toEqual([
      { device: 'vda', readBytes: 3304562 * 512, writeBytes: 5149120 * 512, busyMs: 9024 },
      { device: 'vda1', readBytes: 8 * 512, writeBytes: 16 * 512, busyMs: 9 },
    ])
  })

  it.each([
    ['sda', 'physical'],
    ['sda1', 'part'],
    ['nvme0n1', 'physical'],
    ['nvme0n1p2', 'part'],
    ['mmcblk0p1', 'part'],
    ['dm-0', 'stacked'],
    ['md127', 'stacked'],
  ])('without /sys, %s is %s', (device, role) => {
    expect(diskRole('/nonexistent', device)).toBe(role)
  })

  it('takes one mount of each real file system', () => {
    const text = [
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      '28 27 254:0 /srv /var/lib/bind rw - ext4 /dev/vda rw',
      '29 27 254:16 / /mnt/my\\040disk\\134x rw shared:1 - xfs /dev/vdb rw',
      '30 27 0:40 / /mnt/far rw - nfs4 server:/x rw',
      '31 27 0:41 / /run rw - tmpfs tmpfs rw',
      '32 27 0:42 / /var/lib/docker/overlay2/x rw - overlay overlay rw',
      '',
    ].join('\n')
    expect(parseMounts(text)).toEqual(['/', '/mnt/my disk\\x'])
    expect(parseMounts('1 0 0:50 / / rw - overlay overlay rw')).toEqual(['/'])
  })

  it('reads interfaces but loopback', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0',
      '  eth0:975926988   24019    0    0    0     0          0         0  1648224   14630    0    0    0     0       0          0',
      'eth0:1: 5 0 0 0 0 0 0 0 6 0 0 0 0 0 0 0',
    ].join('\n')
    expect(parseNetDev(text)).toEqual([
      { name: 'eth0', receivedBytes: 975926988, sentBytes: 1648224 },
      { name: 'eth0:1', receivedBytes: 5, sentBytes: 6 },
    ])
  })

  it('takes page size and ticks from the auxiliary vector', () => {
    const auxv = Buffer.alloc(48)
    auxv.writeBigUInt64LE(6n, 0)
    auxv.writeBigUInt64LE(65536n, 8)
    auxv.writeBigUInt64LE(17n, 16)
    auxv.writeBigUInt64LE(250n, 24)
    expect(parseAuxv(auxv)).toEqual({ pageBytes: 65536, ticksPerSecond: 250 })
    expect(parseAuxv(Buffer.alloc(0))).toEqual({ pageBytes: 4096, ticksPerSecond: 100 })
  })

  it('keeps at most half of the descriptors that it may open', () => {
    expect(keptFilesMax('Max open files            1024                 524288               files')).toBe(512)
    expect(keptFilesMax('Max open files            unlimited            unlimited            files')).toBe(16_384)
    expect(keptFilesMax('')).toBe(128)
  })

  it('reads users, the first name of a number', () => {
    expect([...parsePasswd('root:x:0:0::/:/bin/sh\ntoor:x:0:0\nbad\n:x:5:\napp:x:100:1\n+::::::\n')]).toEqual([
      [0, 'root'],
      [100, 'app'],
    ])
  })

  it('reads what the system is called', () => {
    expect(osRelease('PRETTY_NAME="Debian 12"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n')).toEqual({
      osName: 'Debian GNU/Linux',
      osVersion: '12',
    })
    expect(osRelease('')).toEqual({ osName: 'Linux', osVersion: '' })
  })
})
