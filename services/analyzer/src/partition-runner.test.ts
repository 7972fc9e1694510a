import { serialize } from 'node:v8'
import type { BusRecord, RecordBatch } from '@driftline/platform/bus/bus'
import { createFaultyBus, type Fate, fates } from '@driftline/platform/bus/faulty-bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { partitionOf } from '@driftline/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAnalyzerMetrics } from './analyzer-metrics.ts'
import { decodeMoment, encodeMoment } from './checkpoint-codec.ts'
import type { CheckpointStore } from './checkpoints.ts'
import { defaultStepConfig } from './config.ts'
import { createPartitionState } from './model/state.ts'
import { openPartitionRunner } from './partition-runner.ts'
import { hostRecords } from './testing/host-records.ts'

const step = { ...defaultStepConfig, silenceMs: 3_600_000 }
/** After every batch, or only when an owner gives the partition up. */
const checkpointIntervals = [0, 3_600_000]
const SECONDS = 12
const hosts = ['web-1', 'web-2']

/** One owner after the other, in memory. */
function createMemoryCheckpoints(stored: Uint8Array | null = null): Pick<CheckpointStore, 'take'> {
  let bytes = stored
  let owner = 0
  return {
    async take() {
      owner += 1
      const own = owner
      const save = async (next: Uint8Array): Promise<boolean> => {
        if (own !== owner) return false
        bytes = next
        return true
      }
      return { bytes, save }
    },
  }
}

/** What the hosts send, as one partition of each topic has it. */
const input: BusRecord[] = []
for (let second = 0; second < SECONDS; second++) {
  for (const { topic, key, headers, value } of hosts.flatMap((host) => hostRecords(host, second))) {
    const offset = input.filter((record) => record.topic === topic).length
    input.push({ topic, partition: 0, offset, key, headers, value, storedAtMs: input.length })
  }
}

function createWorld(drawn: readonly Fate[], checkpointMs: number, checkpoint: Uint8Array | null = null) {
  const config = { dataDir: '', checkpointMs, step }
  const left = [...drawn]
  const { bus, stored } = createFaultyBus(1, () => left.shift() ?? 'stored')
  const self = createSelfMetrics()
  const metrics = createAnalyzerMetrics(self)
  const checkpoints = createMemoryCheckpoints(checkpoint) as CheckpointStore
  const deps = { bus, group: 'analyzer', checkpoints, logger: createLogger('fatal'), metrics, clock: systemClock }
  return { stored, self, open: () => openPartitionRunner(config, deps, 0) }
}
type Runner = Awaited<ReturnType<ReturnType<typeof createWorld>['open']>>

const batchOf = (record: BusRecord): RecordBatch => {
  const endOffset = input.filter(({ topic }) => topic === record.topic).length
  return { topic: record.topic, partition: 0, records: [record], endOffset: Math.min(endOffset, record.offset + 1) }
}

/** As the bus does it: the same batch until it is handled, or until somebody else has the partition. */
async function handle(runner: Runner, record: BusRecord): Promise<number> {
  for (;;) {
    const safe = await runner.handle(batchOf(record)).catch(() => null)
    if (safe !== null) return safe
  }
}

function kpisOf(stored: readonly BusRecord[]): string[] {
  const filter = createRepeatFilter({ maxSources: 10 })
  return stored
    .filter((record) => !filter.isRepeat(record))
    .map(({ headers, value }) => `${headers.source} ${headers.sequence} ${Buffer.from(value).toString('base64')}`)
    .sort()
}

const undisturbed = await (async () => {
  const { stored, open } = createWorld([], 0)
  const runner = await open()
  for (const record of input) await handle(runner, record)
  return kpisOf(stored)
})()

test('all hosts of this test are of one partition', () => {
  expect(partitionOf('any', 1)).toBe(0)
  expect(undisturbed).toHaveLength(hosts.length * (SECONDS - 1))
})

test('property: failing publishes and owners that come and go leave the KPIs as they are', async () => {
  const fate = fc.constantFrom(...fates)
  const handovers = fc.uniqueArray(fc.nat(input.length - 1), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 30 }),
      handovers,
      fc.boolean(),
      fc.constantFrom(...checkpointIntervals),
      async (drawn, moments, closes, checkpointMs) => {
        const { stored, open } = createWorld(drawn, checkpointMs)
        const committed = new Map<string, number>()
        let runner = await open()
        const zombies: { runner: Runner; from: number }[] = []
        const changesOwner = new Set(moments)
        for (let at = 0; at < input.length; at++) {
          const record = input[at]!
          const safe = await handle(runner, record)
          expect(safe).toBeGreaterThanOrEqual(committed.get(record.topic) ?? 0)
          committed.set(record.topic, safe)
          if (!changesOwner.delete(at)) continue
          if (closes) await runner.close().catch(() => {})
          else zombies.push({ runner, from: at + 1 })
          runner = await open()
          // The new owner is given what was not committed; order between topics is that of storing.
          for (const again of input.slice(0, at + 1)) {
            if (again.offset >= (committed.get(again.topic) ?? 0)) await handle(runner, again)
          }
        }
        // Those that have not heard yet go on with what they had fetched, and commit nothing beyond.
        for (const { runner: zombie, from } of zombies)
          for (const record of input.slice(from)) await handle(zombie, record)
        expect(kpisOf(stored)).toEqual(undisturbed)
      },
    ),
    { numRuns: 40 },
  )
}, 60_000)

const moment = encodeMoment({ positions: new Map([['samples', 3]]), repeats: [], state: createPartitionState() })
const changed = (at: number): Uint8Array => moment.map((byte, each) => (each === at ? byte ^ 1 : byte))

test('a whole checkpoint is read as it was', () => {
  expect(decodeMoment(moment)).toMatchObject({ kind: 'whole', moment: { positions: new Map([['samples', 3]]) } })
})

test.each([
  ['a changed byte', changed(40), 'damaged'],
  ['a changed last byte', changed(moment.length - 1), 'damaged'],
  ['its first half', moment.slice(0, moment.length / 2), 'damaged'],
  ['nothing', new Uint8Array(), 'damaged'],
  ['that of another version', serialize({ version: 1 }), 'other_version'],
])('a checkpoint that is %s is set aside, and the work goes on', async (_, bytes, reason) => {
  const { stored, self, open } = createWorld([], 0, bytes)
  const runner = await open()
  for (const record of input) await handle(runner, record)
  expect(kpisOf(stored)).toEqual(undisturbed)
  expect(await self.registry.metrics()).toContain(
    `driftline_analyzer_checkpoints_set_aside_total{reason="${reason}"} 1`,
  )
})
