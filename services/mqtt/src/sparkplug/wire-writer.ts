import { datatypes } from './datatypes.ts'

/** A metric to be written. Without `value` it is null. */
export interface MetricToWrite {
  readonly name?: string
  readonly alias?: number
  readonly timestampMs?: number
  readonly datatype?: number
  /** Whether the datatype only says how to write the value, as data after a birth may leave it out. */
  readonly hidesDatatype?: boolean
  readonly isHistorical?: boolean
  readonly value?: number | bigint | boolean | string | null
  readonly properties?: Readonly<Record<string, string>>
}

export interface PayloadToWrite {
  readonly timestampMs?: number
  readonly seq?: number
  readonly metrics?: readonly MetricToWrite[]
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Writes a payload as Sparkplug B's protobuf. */
export function writePayload(payload: PayloadToWrite): Buffer {
  const parts: Buffer[] = []
  if (payload.timestampMs !== undefined) parts.push(tag(1, VARINT), varint(payload.timestampMs))
  for (const metric of payload.metrics ?? []) parts.push(...delimited(2, writeMetric(metric)))
  if (payload.seq !== undefined) parts.push(tag(3, VARINT), varint(payload.seq))
  return Buffer.concat(parts)
}

function writeMetric(metric: MetricToWrite): Buffer {
  const parts: Buffer[] = []
  if (metric.name !== undefined) parts.push(...delimited(1, Buffer.from(metric.name)))
  if (metric.alias !== undefined) parts.push(tag(2, VARINT), varint(metric.alias))
  if (metric.timestampMs !== undefined) parts.push(tag(3, VARINT), varint(metric.timestampMs))
  if (metric.datatype !== undefined && !metric.hidesDatatype) parts.push(tag(4, VARINT), varint(metric.datatype))
  if (metric.isHistorical) parts.push(tag(5, VARINT), varint(1))
  if (metric.value === null || metric.value === undefined) parts.push(tag(7, VARINT), varint(1))
  if (metric.properties) parts.push(...delimited(9, writeProperties(metric.properties)))
  if (metric.value !== null && metric.value !== undefined) parts.push(...writeValue(metric.value, metric.datatype ?? 0))
  return Buffer.concat(parts)
}

function writeProperties(properties: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = []
  for (const key of Object.keys(properties)) parts.push(...delimited(1, Buffer.from(key)))
  for (const text of Object.values(properties)) {
    const value = [tag(1, VARINT), varint(datatypes.string), ...delimited(8, Buffer.from(text))]
    parts.push(...delimited(2, Buffer.concat(value)))
  }
  return Buffer.concat(parts)
}

const wideTypes: readonly number[] = [datatypes.int64, datatypes.uint64, datatypes.dateTime]

/** Integers of up to 32 bits go into field 10 and longer ones into 11, as two's complement. */
function writeValue(value: number | bigint | boolean | string, datatype: number): Buffer[] {
  if (typeof value === 'boolean') return [tag(14, VARINT), varint(value ? 1 : 0)]
  if (typeof value === 'string') return delimited(15, Buffer.from(value))
  if (datatype === datatypes.float) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(Number(value))
    return [tag(12, FIXED32), bytes]
  }
  if (datatype === datatypes.double || (datatype === 0 && !Number.isInteger(value))) {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(Number(value))
    return [tag(13, FIXED64), bytes]
  }
  if (datatype === datatypes.boolean) return [tag(14, VARINT), varint(value ? 1 : 0)]
  if (wideTypes.includes(datatype)) return [tag(11, VARINT), varint(BigInt.asUintN(64, BigInt(value)))]
  return [tag(10, VARINT), varint(BigInt.asUintN(32, BigInt(value)))]
}

const tag = (field: number, type: number): Buffer => varint((field << 3) | type)

const delimited = (field: number, bytes: Buffer): Buffer[] => [tag(field, BYTES), varint(bytes.length), bytes]

function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
