import { decodeLogBatch, type LogBatch } from '@driftline/proto'
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
