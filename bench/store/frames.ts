import { create, toBinary } from '@bufbuild/protobuf'
import { PackedSnapshotSchema, ProcessTableSchema } from '@driftline/proto'
import { createRandom } from './scans.ts'

const PROCESSES = 1000
const KEY_FRAME_EVERY = 60
/** Processes whose values change from one scan to the next. */
const BUSY = 80

/** Frames of one host with 1,000 processes, as an agent sends them: a key frame a minute, changes between. */
export function createFrames(host: string) {
  const random = createRandom(11)
  const strings = ['']
  for (let i = 0; i < PROCESSES; i++) {
    strings.push(`daemon-${i}`, `/usr/lib/daemon-${i}/bin/daemon --config /etc/daemon/${i}.yaml --port ${4000 + i}`)
  }
  const pids = Array.from({ length: PROCESSES }, (_, i) => 300 + i * 7)
  const resident = pids.map(() => 4096n * BigInt(Math.floor(random() * 50_000)))
  const valuesOf = (rows: readonly number[]) => ({
    pid: rows.map((row) => pids[row]!),
    state: rows.map((row) => (row % 40 === 0 ? 1 : 2)),
    cpuCores: rows.map(() => Math.round(random() * 100) / 100),
    residentBytes: rows.map((row) => {
      resident[row] = resident[row]! + 4096n * BigInt(Math.floor(random() * 8))
      return resident[row]!
    }),
    virtualBytes: rows.map((row) => resident[row]! * 4n),
    readBytesPerSecond: rows.map(() => 512 * Math.floor(random() * 20)),
    writeBytesPerSecond: rows.map(() => 4096 * Math.floor(random() * 10)),
    threads: rows.map((row) => 1 + (row % 30)),
    openFiles: rows.map((row) => 4 + (row % 100)),
  })
  const identities = {
    pid: pids,
    startTimeMs: pids.map((pid) => 1_700_000_000_000n + BigInt(pid) * 1000n),
    parentPid: pids.map(() => 1),
    name: pids.map((_, i) => 1 + i * 2),
    command: pids.map((_, i) => 2 + i * 2),
    user: pids.map(() => 0),
    group: pids.map((_, i) => 1 + i * 2),
    container: pids.map(() => 0),
    kernelThread: pids.map(() => false),
  }
  return (n: number, timeMs: number): Uint8Array => {
    const keyFrame = n % KEY_FRAME_EVERY === 0
    const rows = keyFrame
      ? pids.map((_, i) => i)
      : Array.from({ length: BUSY }, () => Math.floor(random() * random() * PROCESSES))
    const table = create(ProcessTableSchema, {
      strings: keyFrame ? strings : [''],
      values: valuesOf(rows),
      ...(keyFrame ? { started: identities } : {}),
    })
    const frame = {
      tenant: 'default',
      host,
      timeMs: BigInt(timeMs),
      keyFrame,
      table: toBinary(ProcessTableSchema, table),
    }
    return toBinary(PackedSnapshotSchema, create(PackedSnapshotSchema, frame))
  }
}
