import { writeDescription } from './collect-wire.ts'
import type { FrameBuilder } from './frames.ts'
import type { HostFacts } from './reader.ts'
import type { SampleColumns } from './samples.ts'
import type { SeriesBook } from './series.ts'
import type { Definitions } from './spool.ts'
import type { InstanceTable } from './table.ts'
import { createWireWriter } from './wire.ts'

/** Puts one scan together as an encoded AgentBatch. */
export interface BatchBuilder {
  /** A view that the next call overwrites. */
  build(batch: BatchInput): Uint8Array
  /** Definitions for the samples of the last batch. */
  readonly definitions: Definitions
}

export interface BatchInput {
  readonly epoch: number
  readonly sequence: number
  readonly timeMs: number
  readonly keyFrame: boolean
  readonly facts: HostFacts
  readonly table: InstanceTable
}

export interface BatchDeps {
  readonly frames: FrameBuilder
  readonly samples: SampleColumns
  readonly book: SeriesBook
  readonly agent: { readonly version: string; readonly intervalMs: number }
}

export function createBatchBuilder({ frames, samples, book, agent }: BatchDeps): BatchBuilder {
  const writer = createWireWriter()
  return {
    build: ({ epoch, sequence, timeMs, keyFrame, facts, table }) => {
      writer.reset()
      writer.varintField(1, epoch)
      writer.varintField(2, sequence)
      writer.signed64Field(3, timeMs)
      samples.write(writer, 4, timeMs)
      writer.varintField(5, keyFrame ? 1 : 0)
      if (keyFrame) writeDescription(writer, 6, facts, agent)
      frames.write(writer, 7, table, keyFrame)
      return writer.view()
    },
    definitions: {
      missing: (isKnown) => {
        const numbers: number[] = []
        for (let place = 0; place < samples.size(); place++) {
          const number = samples.seriesAt(place)
          if (!isKnown(book.meaning(number))) numbers.push(number)
        }
        if (numbers.length === 0) return { series: numbers, messages: [] }
        return { series: numbers.map((number) => book.meaning(number)), messages: book.definitions(numbers) }
      },
    },
  }
}
