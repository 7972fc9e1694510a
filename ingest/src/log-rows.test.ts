import { create, toBinary } from '@bufbuild/protobuf'
import { decodeLogBatch, type LogBatch, LogBatchSchema } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogRows, type LogRows } from './log-rows.ts'

interface Line {
  readonly process: string
  readonly timeMs: number
  readonly severity: number
  readonly origin: string
  readonly body: Buffer
  readonly attributes: Buffer | null
  readonly pattern: bigint
}

const line = (over: Partial<Line> = {}): Line => ({
  process: 'log:payments',
  timeMs: 1_700_000_000_000,
  severity: 9,
  origin: '/var/log/payments.log',
  body: Buffer.from('paid'),
  attributes: null,
  pattern: 0n,
  ...over,
})

function add(rows: LogRows, each: Line): void {
  const { attributes } = each
  const low = Number(each.pattern & 0xffff_ffffn)
  const high = Number(each.pattern >> 32n)
  const { process, timeMs, severity, origin, body } = each
  const aTo = attributes?.length ?? 0
  rows.add(process, timeMs, severity, origin, body, 0, body.length, attributes, 0, aTo, low, high)
}

function takeBatches(rows: LogRows): LogBatch[] {
  return rows.take().records.map(({ value }) => {
    const batch = decodeLogBatch(value)
    if (batch === null) throw new Error('the arrays of a batch differ in length')
    return batch
  })
}

/** What a consumer reads, line by line. */
function linesOf(batches: readonly LogBatch[]): unknown[] {
  return batches.flatMap((batch) =>
    batch.body.map((body, index) => ({
      process: batch.process,
      timeMs: Number(batch.baseTimeMs) + batch.timeOffsetMs[index]!,
      severity: batch.severity[index],
      origin: batch.origins[batch.origin[index]!],
      body,
      attributes: batch.attributes[index],
      pattern: batch.pattern[index],
    })),
  )
}

const expected = (each: Line): unknown => ({
  ...each,
  body: each.body.toString('utf8'),
  attributes: each.attributes?.toString('utf8') ?? '',
})

const arbitraryBytes = fc.oneof(
  fc.string({ maxLength: 300 }).map((text) => Buffer.from(text)),
  fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
)

const arbitraryLine: fc.Arbitrary<Line> = fc.record({
  process: fc.constantFrom('log:a', 'log:b', 'device:plant:press', 'log:~f0~9f'),
  timeMs: fc.oneof(
    fc.integer({ min: 0, max: 4_102_444_800_000 }),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  ),
  severity: fc.integer({ min: 0, max: 24 }),
  origin: fc.constantFrom('', '/var/log/a', '10.0.0.1:514', 'ü'),
  body: arbitraryBytes,
  attributes: fc.option(arbitraryBytes),
  pattern: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
})

describe('rows of logs', () => {
  it('property: what is decoded is what was added, in the order of each process', () => {
    fc.assert(
      fc.property(
        fc.array(arbitraryLine, { maxLength: 60 }),
        fc.constantFrom(100, 2000, 1_048_576),
        (lines, recordBytesMax) => {
          const rows = createLogRows({ tenant: 't', source: 's', recordBytesMax })
          for (let turn = 0; turn < 2; turn++) {
            for (const each of lines) add(rows, each)
            expect(rows.count).toBe(lines.length)
            const found = linesOf(takeBatches(rows))
            const process = (each: unknown): string => (each as Line).process
            const order = (some: unknown[]): unknown[] =>
              [...some].sort((a, b) => (process(a) < process(b) ? -1 : process(a) > process(b) ? 1 : 0))
            expect(order(found)).toEqual(order(lines.map(expected)))
            expect(rows.count).toBe(0)
            expect(rows.byteLength).toBe(0)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** Adds the lines of a chunk as a tailer does: one check for all of them. */
function addChunk(
  rows: LogRows,
  chunk: Buffer,
  cuts: readonly (readonly [number, number])[],
  attributes = false,
): void {
  rows.chunk(chunk)
  for (const [from, to] of cuts) {
    const [text, aFrom, aTo] = attributes ? ([chunk, from, to] as const) : ([null, 0, 0] as const)
    rows.add('log:a', 1_700_000_000_000, 0, 'o', chunk, from, to, text, aFrom, aTo, 0, 0)
  }
}

describe('texts', () => {
  const bodiesOf = (rows: LogRows): string[] => takeBatches(rows).flatMap(({ body }) => body)

  it('property: are what a decoder makes of the bytes, wherever a chunk is cut', () => {
    const pieces = fc.array(
      fc.oneof(fc.constantFrom('a', 'é', '€', '🙂', '\n', '\0', '\ufeff'), fc.string({ maxLength: 5 })),
      { maxLength: 40 },
    )
    const noise = fc.option(fc.uint8Array({ maxLength: 5 }))
    const cut = fc.tuple(fc.nat(250), fc.nat(250))
    fc.assert(
      fc.property(
        pieces,
        noise,
        fc.array(cut, { maxLength: 10 }),
        fc.boolean(),
        (texts, bytes, drawn, isAttributes) => {
          const chunk = Buffer.concat([Buffer.from(texts.join('')), Buffer.from(bytes ?? [])])
          const cuts = drawn.map(
            (pair) => pair.map((at) => Math.min(at, chunk.length)).sort((a, b) => a - b) as [number, number],
          )
          const rows = createLogRows({ tenant: 't', source: 's' })
          addChunk(rows, chunk, cuts, isAttributes)
          const decoder = new TextDecoder()
          const wanted = cuts.map(([from, to]) => decoder.decode(chunk.subarray(from, to)))
          const batches = takeBatches(rows)
          expect(batches.flatMap(({ body }) => body)).toEqual(wanted)
          if (isAttributes) expect(batches.flatMap(({ attributes }) => attributes)).toEqual(wanted)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('are copied at once: the buffer may be read into again', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    const buffer = Buffer.from('first line')
    addChunk(rows, buffer, [[0, buffer.length]])
    buffer.write('\xff\xfe\xff\xfe', 'latin1')
    addChunk(rows, buffer, [[0, buffer.length]])
    expect(bodiesOf(rows)).toEqual(['first line', '\ufffd\ufffd\ufffd\ufffdt line'])
  })

  it('of other bytes than those of the chunk are checked one by one', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    rows.chunk(Buffer.from('valid'))
    add(rows, line({ body: Buffer.from([0x61, 0xff]) }))
    rows.chunk(null)
    add(rows, line({ body: Buffer.from('é'.repeat(200)).subarray(0, 399) }))
    expect(bodiesOf(rows)).toEqual(['a\ufffd', `${'é'.repeat(199)}\ufffd`])
  })
})

describe('records of rows', () => {
  it('are closed before they grow beyond their size, and at a row that is larger by itself', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    const body = Buffer.alloc(1000, 'x')
    for (let index = 0; index < 5000; index++) add(rows, line({ body }))
    expect(rows.byteLength).toBeGreaterThan(5_000_000)
    expect(rows.byteLength).toBeLessThan(5_200_000)
    add(rows, line({ body: Buffer.alloc(3_000_000, 'y') }))
    add(rows, line())
    const taken = rows.take()
    expect(taken.rows).toBe(5002)
    const sizes = taken.records.map(({ value }) => value.length)
    expect(sizes.filter((size) => size > 1_048_576)).toHaveLength(1)
    expect(sizes.slice(0, 4).every((size) => size > 950_000)).toBe(true)
    expect(taken.records.flatMap(({ value }) => decodeLogBatch(value)!.body)).toHaveLength(5002)
  })

  it('take as many origins and as long a time as they can name', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    const lines = Array.from({ length: 400 }, (_, index) => line({ origin: `/var/log/${index % 300}` }))
    const months = [0, 1, 2, 3].map((index) => line({ timeMs: 1_700_000_000_000 + index * 40 * 86_400_000 }))
    for (const each of [...lines, ...months, line({ timeMs: 0 })]) add(rows, each)
    const batches = takeBatches(rows)
    expect(linesOf(batches)).toEqual([...lines, ...months, line({ timeMs: 0 })].map(expected))
    expect(Math.max(...batches.map(({ origins }) => origins.length))).toBe(128)
  })

  it('name their process, tenant and source, and go with their process', () => {
    const rows = createLogRows({ tenant: 'acme', source: 'src_1' })
    add(rows, line({ process: 'os:web-1:nginx' }))
    const [record] = rows.take().records
    expect(record).toMatchObject({
      topic: 'driftline.logs.v1',
      tenant: 'acme',
      key: 'acme/host:web-1',
      message: 'driftline.v1.LogBatch',
    })
    expect(decodeLogBatch(record!.value)).toMatchObject({ tenant: 'acme', source: 'src_1', process: 'os:web-1:nginx' })
  })

  it('are never broken by numbers that make no sense', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    for (const severity of [-1, 25, 200, 1e9, Number.NaN]) add(rows, line({ severity }))
    for (const timeMs of [Number.NaN, Number.POSITIVE_INFINITY, -1e15, 1e17, 12.9]) add(rows, line({ timeMs }))
    const found = linesOf(takeBatches(rows)) as Line[]
    expect(found.slice(0, 5).map(({ severity }) => severity)).toEqual([0, 0, 0, 0, 0])
    expect(found.slice(5).map(({ timeMs }) => timeMs)).toEqual([0, 0, -1e15, 0, 12])
  })

  it('share no memory with what comes after them', () => {
    const rows = createLogRows({ tenant: 't', source: 's' })
    add(rows, line({ body: Buffer.from('before') }))
    const before = rows.take().records[0]!
    add(rows, line({ body: Buffer.from('after!') }))
    rows.take()
    expect(decodeLogBatch(before.value)?.body).toEqual(['before'])
  })

  it('decoding refuses arrays of different lengths', () => {
    const short = create(LogBatchSchema, {
      timeOffsetMs: [1, 2],
      severity: [1, 2],
      body: ['a'],
      attributes: ['', ''],
      pattern: [0n, 0n],
      origin: [0, 0],
      origins: ['o'],
    })
    expect(decodeLogBatch(toBinary(LogBatchSchema, short))).toBeNull()
    const nowhere = create(LogBatchSchema, { ...short, body: ['a', 'b'], origin: [0, 1] })
    expect(decodeLogBatch(toBinary(LogBatchSchema, nowhere))).toBeNull()
    expect(decodeLogBatch(toBinary(LogBatchSchema, { ...nowhere, origin: [0, 0] }))).not.toBeNull()
  })
})
