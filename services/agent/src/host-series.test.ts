import { hostMetrics } from '@driftline/proto/metrics'
import { expect, it } from 'vitest'
import { createBatchBuilder } from './batches.ts'
import { createFrameBuilder } from './frames.ts'
import { createHostSeries } from './host-series.ts'
import { createSampleColumns } from './samples.ts'
import { createSeriesBook } from './series.ts'

function setUp(seriesMax: number) {
  const book = createSeriesBook()
  const samples = createSampleColumns(book)
  const time = { ms: 0 }
  const host = createHostSeries('host:h', { book, samples }, { seriesMax, nowMs: () => time.ms })
  const agent = { version: '1', intervalMs: 1000 }
  const { definitions } = createBatchBuilder({ frames: createFrameBuilder(), samples, book, agent })
  const known = new Set<number>()
  /** Tells a value for each interface; answers which interfaces were defined anew for it. */
  const tell = (...interfaces: string[]): string[] => {
    samples.reset()
    for (const each of interfaces) {
      host.set(host.series(hostMetrics.networkReceive, { 'network.interface.name': each }), 1)
    }
    const { series, messages } = definitions.missing((meaning) => known.has(meaning))
    for (const meaning of series) known.add(meaning)
    const text = Buffer.concat(messages).toString('latin1')
    return [...text.matchAll(/veth\d/g)].map(([name]) => name)
  }
  return { book, host, time, tell, samples }
}

it('tells no more series than there is room for, and counts what it leaves out', () => {
  const { host, tell, samples } = setUp(2)
  expect(tell('veth1', 'veth2', 'veth3')).toEqual(['veth1', 'veth2'])
  expect(samples.size()).toBe(2)
  expect(host.leftOut()).toBe(1)
})

it('gives the place of a series that was not told for long to another, which is defined again', () => {
  const { book, host, time, tell } = setUp(2)
  tell('veth1', 'veth2')
  time.ms = 300_000
  tell('veth2')
  time.ms = 601_000
  expect(tell('veth2', 'veth3')).toEqual(['veth3'])
  expect(tell('veth2', 'veth3')).toEqual([])
  expect(tell('veth1')).toEqual([])
  expect(host.leftOut()).toBe(1)
  time.ms = 1_300_000
  expect(tell('veth1')).toEqual(['veth1'])
  expect(book.size()).toBe(2)
})
