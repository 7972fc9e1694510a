import { create, toBinary } from '@bufbuild/protobuf'
import { PackedSampleBatchSchema } from '@driftline/proto'

/** How the 1,000 processes of a host are grouped. */
export interface Estate {
  readonly name: string
  readonly groups: number
}

/** A few processes to a group, as a server has them; and the worst case, each process alone. */
export const estates: readonly Estate[] = [
  { name: '1,000 processes in 150 groups', groups: 150 },
  { name: '1,000 processes in 1,000 groups', groups: 1000 },
]

const METRICS_PER_GROUP = 8
const HOST_METRICS = 40

export function samplesPerScan({ groups }: Estate): number {
  return groups * METRICS_PER_GROUP + HOST_METRICS
}

/** Small deterministic random numbers, so that runs compare. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * Readings of one host, scan after scan, with the texture of real ones: most groups idle with constant memory, some
 * busy; CPU in hundredths of a core, bytes in pages; scans a few milliseconds off the second.
 */
export function createHost(estate: Estate, seed: number) {
  const random = createRandom(seed)
  const count = samplesPerScan(estate)
  const series = new BigUint64Array(count)
  for (let i = 0; i < count; i++) {
    series[i] = (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  }
  const values = new Float64Array(count)
  for (let group = 0; group < estate.groups; group++) startGroup(values, group * METRICS_PER_GROUP, random)
  return {
    series,
    /** The next scan: one value per series. */
    scan(): Float64Array {
      for (let group = 0; group < estate.groups; group++) stepGroup(values, group, random)
      for (let i = estate.groups * METRICS_PER_GROUP; i < count; i++) values[i] = Math.round(random() * 1e6) / 1e3
      return values
    },
  }
}

function startGroup(values: Float64Array, at: number, random: () => number): void {
  const memory = 4096 * Math.floor(random() * 50_000)
  values.set([0, memory, memory * 4, 0, 0, 1 + Math.floor(random() * 30), Math.floor(random() * 200), 1], at)
}

/** One group in ten is busy; the others read the same as before but for a flicker of CPU now and then. */
function stepGroup(values: Float64Array, group: number, random: () => number): void {
  const at = group * METRICS_PER_GROUP
  const busy = group % 10 === 0
  values[at] = busy ? Math.round(random() * 150) / 100 : random() < 0.05 ? 0.01 : 0
  if (!busy) return
  values[at + 1] = Math.max(4096, values[at + 1]! + 4096 * Math.floor(random() * 21 - 10))
  values[at + 3] = 512 * Math.floor(random() * 200)
  values[at + 4] = 4096 * Math.floor(random() * 100)
}

/** An encoded SampleBatch of one scan, as the intake publishes it. */
export function encodeScan(series: BigUint64Array, values: Float64Array, timeMs: number): Uint8Array {
  const offsets = new Int32Array(values.length)
  return toBinary(
    PackedSampleBatchSchema,
    create(PackedSampleBatchSchema, {
      baseTimeMs: BigInt(timeMs),
      series: new Uint8Array(series.buffer, series.byteOffset, series.byteLength),
      timeOffsetMs: new Uint8Array(offsets.buffer),
      value: new Uint8Array(values.slice().buffer),
    }),
  )
}
