import { create, toBinary } from '@bufbuild/protobuf'
import { WriteRequestSchema } from '@driftline/proto/prometheus'

export interface WrittenSeries {
  readonly labels: readonly (readonly [name: string, value: string])[]
  readonly samples: readonly { readonly value: number; readonly timeMs: number }[]
}

/** A block of Snappy that packs nothing: a length, and literals. */
export function snappy(bytes: Uint8Array, length = bytes.length): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  const header: number[] = []
  let rest = length
  do {
    header.push((rest % 128) | (rest > 127 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  parts.push(Uint8Array.from(header))
  for (let at = 0; at < bytes.length; at += 65_536) {
    const part = bytes.subarray(at, at + 65_536)
    parts.push(Uint8Array.of(61 << 2, (part.length - 1) & 0xff, (part.length - 1) >> 8), part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

export function writeRequestBytes(series: readonly WrittenSeries[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    toBinary(
      WriteRequestSchema,
      create(WriteRequestSchema, {
        timeseries: series.map(({ labels, samples }) => ({
          labels: labels.map(([name, value]) => ({ name, value })),
          samples: samples.map(({ value, timeMs }) => ({ value, timestamp: BigInt(timeMs) })),
        })),
      }),
    ),
  )
}

export const writeRequest = (series: readonly WrittenSeries[]): Uint8Array<ArrayBuffer> =>
  snappy(writeRequestBytes(series))
