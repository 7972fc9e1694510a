import { canonicalAttributes, seriesId } from '@driftline/proto/ids'
import type { Metric } from '@driftline/proto/metrics'
import { createWireWriter, type WireWriter } from './wire.ts'

/** The series that this agent tells of, by a small number; ids are hashes, so the same after a restart. */
export interface SeriesBook {
  /** The number of a series, given once and again for the same arguments. */
  define(process: string, metric: Metric, attributes?: Readonly<Record<string, string>>): number
  /** Gives a number whose series is told no more to another series, which must have none yet. */
  redefine(number: number, process: string, metric: Metric, attributes?: Readonly<Record<string, string>>): void
  /** Tells the meanings that a number has had apart: another one for each. */
  meaning(number: number): number
  size(): number
  /** Lower and upper half of the id, at twice the number: copied without making bigints. */
  halves(): Uint32Array
  /** An encoded `SeriesDefinition`. */
  definition(number: number): Uint8Array
  /** Encoded `SeriesDefinitions` of some series, in messages of bounded size. */
  definitions(numbers: readonly number[]): Uint8Array[]
}

/** About 200 KB. */
const DEFINITIONS_PER_MESSAGE = 1000
const NO_ATTRIBUTES = canonicalAttributes({})

export function createSeriesBook(): SeriesBook {
  const numbers = new Map<string, number>()
  const keys: string[] = []
  const meanings: number[] = []
  const definitions: Uint8Array[] = []
  let meaning = 0
  const writer = createWireWriter()
  let halves = new Uint32Array(1024)

  const put = (number: number, key: string, process: string, metric: Metric, attributes: string): void => {
    const id = seriesId('', process, metric.name, attributes)
    if (number * 2 + 2 > halves.length) {
      const grown = new Uint32Array(halves.length * 2)
      grown.set(halves)
      halves = grown
    }
    halves[number * 2] = Number(id & 0xffff_ffffn)
    halves[number * 2 + 1] = Number(id >> 32n)
    definitions[number] = encodeDefinition(writer, id, process, metric, attributes)
    numbers.set(key, number)
    keys[number] = key
    meanings[number] = meaning++
  }

  return {
    define: (process, metric, attributes) => {
      const canonical = attributes === undefined ? NO_ATTRIBUTES : canonicalAttributes(attributes)
      const key = keyOf(process, metric, canonical)
      let number = numbers.get(key)
      if (number === undefined) {
        number = definitions.length
        put(number, key, process, metric, canonical)
      }
      return number
    },
    redefine: (number, process, metric, attributes) => {
      const canonical = attributes === undefined ? NO_ATTRIBUTES : canonicalAttributes(attributes)
      numbers.delete(keys[number]!)
      put(number, keyOf(process, metric, canonical), process, metric, canonical)
    },
    meaning: (number) => meanings[number]!,
    size: () => definitions.length,
    halves: () => halves,
    definition: (number) => definitions[number]!,
    definitions: (wanted) => {
      const messages: Uint8Array[] = []
      for (let from = 0; from < wanted.length; from += DEFINITIONS_PER_MESSAGE) {
        writer.reset()
        for (const number of wanted.slice(from, from + DEFINITIONS_PER_MESSAGE)) {
          writer.bytesField(1, definitions[number]!)
        }
        messages.push(Uint8Array.from(writer.view()))
      }
      return messages
    },
  }
}

const keyOf = (process: string, metric: Metric, attributes: string): string =>
  `${process}\n${metric.name}\n${attributes}`

function encodeDefinition(
  writer: WireWriter,
  id: bigint,
  process: string,
  metric: Metric,
  attributes: string,
): Uint8Array {
  writer.reset()
  writer.fixed64Field(1, id)
  writer.textField(2, process)
  writer.textField(3, metric.name)
  writer.textField(4, metric.unit)
  writer.varintField(5, metric.kind)
  writer.textField(6, attributes)
  return Uint8Array.from(writer.view())
}
