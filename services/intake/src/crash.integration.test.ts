import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { createRepeatFilter } from '@driftline/platform/bus/repeat-filter'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { decodeSamples, partitionOf, routingKey, topics } from '@driftline/proto'
import { afterAll, describe, expect, test } from 'vitest'
import { type CrashRigBus, openBus } from './testing/crash-rig.ts'
import { startRig, stream } from './testing/rig.ts'

async function recordsOf(where: CrashRigBus, topic: string): Promise<BusRecord[]> {
  const bus = openBus(where)
  await bus.start()
  const partition = partitionOf(routingKey('default', 'host:web-1'), bus.partitionsOf(topic))
  const records = await bus.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)
  const copies = records.map((record) => ({ ...record, value: record.value.slice() }))
  await bus.stop()
  return copies
}

function suite(makeBus: () => CrashRigBus): void {
  test('killed between publish and acknowledgement: the repeat has the same sequence, and the filter drops it', async () => {
    const where = makeBus()
    const times = Array.from({ length: 7 }, () => Date.now())
    const first = await startRig({ bus: where, killAfter: 3 })
    const acknowledged = await stream(first.port, 1, 6, times)
    await first.gone
    expect(acknowledged).toBeLessThan(3)

    const second = await startRig({ bus: where, killAfter: 0 })
    expect(await stream(second.port, acknowledged + 1, 6, times)).toBe(6)
    second.kill()
    await second.gone

    for (const topic of [topics.samples.name, topics.snapshots.name]) {
      const records = await recordsOf(where, topic)
      expect(records.length).toBeGreaterThan(6)
      for (const record of records) {
        const same = records.filter(({ headers }) => headers.sequence === record.headers.sequence)
        for (const { headers, value } of same) expect({ headers, value }).toMatchObject(pick(record))
      }
      expect(sequencesOnce(records)).toEqual([1, 2, 3, 4, 5, 6])
    }
  })

  test('killed twenty times at random moments: every acknowledged batch is there, and each once after the filter', async () => {
    const where = makeBus()
    const times: number[] = []
    let acknowledged = 0
    for (let round = 0; round < 20; round++) {
      const rig = await startRig({ bus: where, killAfter: 0 })
      const to = acknowledged + 40
      while (times.length <= to) times.push(Date.now())
      const timer = setTimeout(rig.kill, Math.random() * 60)
      acknowledged = await stream(rig.port, acknowledged + 1, to, times)
      clearTimeout(timer)
      rig.kill()
      await rig.gone
    }
    const records = await recordsOf(where, topics.samples.name)
    const sequences = sequencesOnce(records)
    expect(sequences.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, index) => index + 1))
    for (const { headers, value } of records) expect(decodeSamples(value)!.value[0]).toBe(Number(headers.sequence))
  }, 300_000)
}

const pick = ({ headers, value }: BusRecord) => ({ headers, value })

/** What a consumer with a repeat filter sees. */
function sequencesOnce(records: readonly BusRecord[]): number[] {
  const filter = createRepeatFilter({ maxSources: 10 })
  return records.filter((record) => !filter.isRepeat(record)).map(({ headers }) => Number(headers.sequence))
}

describe('an intake that is killed, over the embedded bus', () => {
  const directories: string[] = []
  afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true })
  })
  suite(() => {
    const dataDir = mkdtempSync(join(tmpdir(), 'driftline-intake-crash-'))
    directories.push(dataDir)
    return { kind: 'embedded', dataDir }
  })
})

describeWithServer('kafka', 'an intake that is killed, over Kafka', (server) => {
  suite(() => ({ kind: 'kafka', url: server().url, topicPrefix: `intake-crash-${process.pid}-${Math.random()}-` }))
})
