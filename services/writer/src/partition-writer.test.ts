import { fromBinary } from '@bufbuild/protobuf'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { DeadLetterSchema } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPartitionWriter, type PartitionWriter } from './partition-writer.ts'
import { streams } from './streams.ts'
import {
  batchOf,
  createFakeBus,
  createFakePositions,
  createFakeStore,
  type Faults,
  faultsBy,
  noFaults,
  type RecordShape,
  recordsOf,
} from './testing/writer-test-kit.ts'
import { createWriterMetrics } from './writer-metrics.ts'

const stream = streams.find(({ table }) => table === 'samples_in')!
const logger = createLogger('fatal', { write: () => {} })
const selfMetrics = createSelfMetrics()
const metrics = createWriterMetrics(selfMetrics)

function world(shapes: readonly RecordShape[], faults: Faults = noFaults, bodyBytesMax = 1000, sourcesMax = 100) {
  const log = recordsOf(stream, shapes)
  const store = createFakeStore(faults)
  const positions = createFakePositions(faults)
  const { bus, letters } = createFakeBus(log, faults)
  /** A writer as a new process would make it: it knows what is durable, nothing else. */
  const start = (): PartitionWriter =>
    createPartitionWriter(
      { stream, partition: 0, bodyBytesMax, sourcesMax },
      { analytics: store.store, bus, positions, metrics, clock: { nowMs: () => 1 }, logger },
    )
  const letterTexts = (): string[] =>
    letters.map(({ value }) => Buffer.from(fromBinary(DeadLetterSchema, value).payload).toString())
  return { log, store, positions, letters, letterTexts, start }
}

const numbered = (count: number): RecordShape[] =>
  Array.from({ length: count }, (_, i) => ({ text: `r${i}`, sequence: i + 1 }))

describe('a partition writer', () => {
  it('inserts a batch under one token', async () => {
    const { log, store, start } = world(numbered(3))
    await start().write(batchOf(log))
    expect(store.rows).toEqual(['r0', 'r1', 'r2'])
    expect(store.tokens.size).toBe(1)
  })

  it('splits what is larger than a body', async () => {
    const { log, store, start } = world(numbered(10), noFaults, 20)
    await start().write(batchOf(log))
    expect(store.rows).toEqual(log.map((_, i) => `r${i}`))
    expect(store.tokens.size).toBe(5)
  })

  it('drops repeats by header, also after a restart', async () => {
    const shapes = [...numbered(3), ...numbered(3), { text: 'r3', sequence: 4 }]
    const { log, store, start } = world(shapes)
    await start().write(batchOf(log.slice(0, 4), 7))
    await start().write(batchOf(log.slice(4), 7))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it('counts the sources that it can no longer tell repeats of', async () => {
    const shapes = ['a', 'b', 'c'].map((source, i) => ({ text: `r${i}`, source, sequence: 1 }))
    const { log, start } = world(shapes, noFaults, 1000, 2)
    await start().write(batchOf(log))
    expect(await selfMetrics.registry.getSingleMetricAsString('driftline_writer_forgotten_sources_total')).toMatch(
      /\{topic="driftline\.samples\.v1"\} 1$/,
    )
  })

  it('repeats an insert whose answer was lost, with the same token and the same records', async () => {
    let calls = 0
    // The fifth call is the insert's second half: it was stored, the answer is lost.
    const { log, store, start } = world(
      numbered(4),
      faultsBy(() => ++calls === 6),
    )
    const writer = start()
    await expect(writer.write(batchOf(log.slice(0, 2), 4))).rejects.toThrow('on purpose')
    expect(store.rows).toEqual(['r0', 'r1'])
    // The next batch is larger than the pending range: that one is repeated first, alone.
    await start().write(batchOf(log))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
    expect(store.tokens.size).toBe(2)
  })

  it('reads the rest of a pending range from the bus when the first batch is shorter', async () => {
    let calls = 0
    const { log, store, start } = world(
      numbered(4),
      faultsBy(() => ++calls === 5),
    )
    await expect(start().write(batchOf(log))).rejects.toThrow('on purpose')
    const writer = start()
    await writer.write(batchOf(log.slice(0, 1), 4))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
    await writer.write(batchOf(log.slice(1), 4))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it('takes a pending range for done when the bus starts behind it', async () => {
    const { log, store, start } = world(numbered(4))
    await start().write(batchOf(log.slice(0, 2), 4))
    store.tokens.clear() // As if the window of tokens had passed on.
    await start().write(batchOf(log.slice(2), 4))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it('has nothing to repeat once settled', async () => {
    const { log, store, positions, start } = world(numbered(2))
    const writer = start()
    await writer.write(batchOf(log))
    await writer.settle()
    const settledVersion = positions.version()
    await writer.settle()
    expect(positions.version()).toBe(settledVersion)
    store.tokens.clear()
    await start().write(batchOf(log))
    expect(store.rows).toEqual(['r0', 'r1'])
  })

  it('stops when another writer has taken the partition over, and goes on from what that one did', async () => {
    const { log, store, start } = world(numbered(4))
    const old = start()
    await old.write(batchOf(log.slice(0, 1), 4))
    await start().write(batchOf(log.slice(0, 3), 4))
    await expect(old.write(batchOf(log.slice(1, 4), 4))).rejects.toMatchObject({ code: 'metadata_conflict' })
    expect(store.rows).toEqual(['r0', 'r1', 'r2'])
    await old.write(batchOf(log.slice(1, 4), 4))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it('starts over with fresh tokens when the log is another one', async () => {
    const { log, store, start } = world(numbered(5))
    await start().write(batchOf(log))
    const other = recordsOf(stream, [{ text: 'new', source: 'other', sequence: 1 }])
    await start().write(batchOf(other))
    expect(store.rows).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'new'])
  })

  it('buries poison and foreign records with the reason, and inserts all others', async () => {
    const shapes = numbered(20).map((shape, i) => (i % 7 === 3 ? { ...shape, text: `poison${i}` } : shape))
    shapes[12] = { ...shapes[12]!, message: 'driftline.v1.Tick' }
    const { log, store, letters, letterTexts, start } = world(shapes)
    await start().write(batchOf(log))
    expect(store.rows).toEqual(log.map((_, i) => `r${i}`).filter((_, i) => i % 7 !== 3 && i !== 12))
    expect(letterTexts()).toEqual(['poison3', 'poison10', 'r12', 'poison17'])
    const letter = fromBinary(DeadLetterSchema, letters[2]!.value)
    expect(letter).toMatchObject({ reason: 'unexpected_message', source: 'agent', partition: 0, offset: 12n })
    expect(letters.map(({ headers }) => headers.sequence)).toEqual(['4', '11', '13', '18'])
  })
})

describe('whatever fails whenever', () => {
  const shape = fc.record({
    text: fc.constantFrom('row', 'row', 'row', 'row', 'poison'),
    source: fc.constantFrom('a', 'b'),
    again: fc.boolean(),
  })

  it('stores each record once and buries each poison, however often calls fail, answers are lost or it restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(shape, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(6), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 10, max: 60 }),
        async (drafts, faultPattern, choices, bodyBytesMax) => {
          const shapes = sequenced(drafts)
          let calls = 0
          const faults = faultsBy(() => calls++ < 120 && faultPattern[calls % faultPattern.length] === 0)
          const w = world(shapes, faults, bodyBytesMax)
          await drive(w, choices)
          const firsts = shapes.filter(({ first }) => first)
          expect(w.store.rows.toSorted()).toEqual(
            firsts
              .filter(({ text }) => !text.startsWith('poison'))
              .map(({ text }) => text)
              .toSorted(),
          )
          const buried = new Map(w.letters.map(({ headers }, i) => [headers.sequence, w.letterTexts()[i]]))
          expect([...buried.values()].toSorted()).toEqual(
            firsts
              .filter(({ text }) => text.startsWith('poison'))
              .map(({ text }) => text)
              .toSorted(),
          )
        },
      ),
      { numRuns: 400 },
    )
  })

  /** Gives each draft a sequence; one marked `again` repeats the one before of its source. */
  function sequenced(drafts: readonly { text: string; source: string; again: boolean }[]) {
    const last = new Map<string, { text: string; sequence: number }>()
    return drafts.map(({ text, source, again }, i) => {
      const before = last.get(source)
      const isRepeat = again && before !== undefined
      const now = isRepeat ? before : { text: `${text}${i}`, sequence: (before?.sequence ?? 0) + 1 }
      last.set(source, now)
      return { ...now, source, first: !isRepeat }
    })
  }

  /** Plays the bus: batches of any size from the committed offset, again after a failure, sometimes a new process. */
  async function drive(w: ReturnType<typeof world>, choices: readonly number[]): Promise<void> {
    let committed = 0
    let writer = w.start()
    for (let turn = 0; committed < w.log.length; turn++) {
      const choice = choices[turn % choices.length]!
      const batch = w.log.slice(committed, committed + 1 + choice * 3)
      const failed = await writer.write(batchOf(batch, w.log.length)).then(
        () => false,
        () => true,
      )
      if (!failed) {
        committed = batch.at(-1)!.offset + 1
        if (choice === 0) await writer.settle().catch(() => undefined)
      }
      if (choice === 1) writer = w.start()
    }
  }
})
