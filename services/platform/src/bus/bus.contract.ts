import { partitionOf } from '@driftline/proto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Bus, BusRecord, OutgoingRecord } from './bus.ts'
import {
  alike,
  collect,
  headersOf,
  keep,
  narrow,
  numbered,
  testTopics,
  textRecord,
  textsOf,
  until,
  wide,
} from './bus-test-kit.ts'
import { type BusTopics, maxRecordBytes } from './bus-topic.ts'

/** The records of one test, and buses over them. */
export interface BusHarness {
  /** A started bus. Opened again after `stop`, it has the same records and groups. */
  open(): Promise<Bus>
  /** Stops every bus that was opened and deletes the records. */
  close(): Promise<void>
}

/** What every bus must do, whatever it is made of. `create` makes an empty place for one test. */
export function describeBus(title: string, create: (topics: BusTopics) => Promise<BusHarness>): void {
  describe(title, () => {
    let harness: BusHarness
    let bus: Bus
    beforeEach(async () => {
      harness = await create(testTopics)
      bus = await harness.open()
    })
    afterEach(() => harness.close())
    const context: Context = {
      bus: () => bus,
      async reopen() {
        await bus.stop()
        bus = await harness.open()
        return bus
      },
    }
    describe('records', () => describeRecords(context))
    describe('groups', () => describeGroups(context))
    describe('sharing', () => describeSharing(context))
    describe('tails', () => describeTails(context))
    describe('stopping', () => describeStopping(context))
  })
}

interface Context {
  bus(): Bus
  reopen(): Promise<Bus>
}

function describeRecords({ bus, reopen }: Context): void {
  it('keeps the order of a partition over many publishes that do not wait for each other', async () => {
    const texts = numbered('r', 200)
    await Promise.all(texts.map((text) => bus().publish([textRecord(narrow, text)])))
    const records = await bus().read(narrow, 0, 0, 1000)
    expect(textsOf(records)).toEqual(texts)
    expect(records.map((record) => record.offset)).toEqual(texts.map((_, index) => index))
  })

  it('puts a record into the partition of its key, or into the one it names', async () => {
    const keys = numbered('default/host:', 20)
    await bus().publish(keys.map((key) => textRecord(wide, key, { key })))
    await bus().publish([textRecord(wide, 'named', { partition: 3 })])
    for (let partition = 0; partition < bus().partitionsOf(wide); partition += 1) {
      const expected = keys.filter((key) => partitionOf(key, 4) === partition)
      if (partition === 3) expected.push('named')
      expect(textsOf(await bus().read(wide, partition, 0, 100))).toEqual(expected)
    }
  })

  it('gives back hostile keys, headers and values byte for byte', async () => {
    const megabyte = new Uint8Array(1024 * 1024).map((_, index) => (index * 31) & 255)
    const hostile: OutgoingRecord[] = [
      { topic: narrow, key: '', headers: headersOf(1, { source: '' }), value: new Uint8Array(0) },
      {
        topic: narrow,
        key: 'a\0b\n"\\',
        headers: headersOf(2, { tenant: 'nul\0and\r\nlines' }),
        value: Uint8Array.of(0),
      },
      {
        topic: narrow,
        key: 'Ünïcödé 日本 🦉',
        headers: headersOf(3, { source: 'मशीन 🛠' }),
        value: Uint8Array.of(255, 0, 1),
      },
      { topic: narrow, key: '__proto__', headers: headersOf(4, { source: 'constructor' }), value: megabyte },
    ]
    await bus().publish(hostile)
    const before = Date.now()
    const records = await bus().read(narrow, 0, 0, 10)
    expect(records.map(({ key, headers }) => ({ key, headers }))).toEqual(
      hostile.map(({ key, headers }) => ({ key, headers })),
    )
    for (const [index, record] of records.entries()) {
      expect(Buffer.compare(record.value, hostile[index]!.value)).toBe(0)
      expect(Math.abs(record.storedAtMs - before)).toBeLessThan(60_000)
    }
  })

  it('refuses a record that is too large, with all that was published with it, and goes on', async () => {
    const large = textRecord(narrow, '', { value: new Uint8Array(maxRecordBytes) })
    const publish = bus().publish([textRecord(narrow, 'beside'), large])
    await expect(publish).rejects.toMatchObject({ code: 'record_too_large', retryable: false })
    const largest = textRecord(narrow, '', { value: new Uint8Array(maxRecordBytes - 1024) })
    await bus().publish([textRecord(narrow, 'after'), largest, largest, largest])
    const records = await bus().read(narrow, 0, 0, 10)
    expect(records.map((record) => record.value.length)).toEqual([5, ...Array(3).fill(maxRecordBytes - 1024)])
  })

  it('takes ten thousand tiny records at once and hands them out in batches of the size asked for', async () => {
    const texts = numbered('', 10_000)
    await bus().publish(texts.map((text, index) => textRecord(narrow, text, { headers: headersOf(index) })))
    const collector = await collect(bus(), { group: 'tiny', topics: [narrow], maxRecords: 333, maxBytes: 20_000 })
    await until(
      () => collector.texts().length,
      (count) => count >= texts.length,
    )
    expect(collector.texts()).toEqual(texts)
    expect(Math.max(...collector.batches.map((batch) => batch.records.length))).toBeLessThanOrEqual(333)
    expect(collector.batches.at(-1)!.endOffset).toBe(10_000)
  })

  it('keeps a batch within its bytes, but hands out a record that is larger alone', async () => {
    const sizes = [100, 50_000, 100, 100]
    await bus().publish(sizes.map((size) => textRecord(narrow, '', { value: new Uint8Array(size) })))
    const collector = await collect(bus(), { group: 'bytes', topics: [narrow], maxBytes: 2000 })
    await until(
      () => collector.texts().length,
      (count) => count === 4,
    )
    const batches = collector.batches.map((batch) => batch.records.map((record) => record.value.length))
    expect(batches).toContainEqual([50_000])
    expect(batches.flat()).toEqual(sizes)
  })

  it('reads a range, and nothing beyond the end', async () => {
    await bus().publish(numbered('r', 10).map((text) => textRecord(narrow, text)))
    expect(textsOf(await bus().read(narrow, 0, 3, 6))).toEqual(['r3', 'r4', 'r5'])
    expect(textsOf(await bus().read(narrow, 0, 8, 100))).toEqual(['r8', 'r9'])
    expect(await bus().read(narrow, 0, 10, 20)).toEqual([])
    expect(await bus().read(narrow, 0, 5, 5)).toEqual([])
  })

  it('has every record after a restart, and goes on at the next offset', async () => {
    await bus().publish(numbered('before', 50).map((text) => textRecord(narrow, text)))
    await reopen()
    await bus().publish([textRecord(narrow, 'after')])
    const records = await bus().read(narrow, 0, 0, 100)
    expect(textsOf(records)).toEqual([...numbered('before', 50), 'after'])
    expect(records.at(-1)!.offset).toBe(50)
  })
}

function describeGroups({ bus, reopen }: Context): void {
  it('hands a new group everything from the beginning, and then what comes', async () => {
    await bus().publish(numbered('old', 3).map((text) => textRecord(narrow, text)))
    const collector = await collect(bus(), { group: 'late', topics: [narrow] })
    await until(
      () => collector.texts(),
      (texts) => texts.length === 3,
    )
    await bus().publish([textRecord(narrow, 'new')])
    await until(
      () => collector.texts(),
      (texts) => texts.length === 4,
    )
    expect(collector.texts()).toEqual(['old0', 'old1', 'old2', 'new'])
  })

  it('hands out the same batch again after its handler failed, and loses nothing', async () => {
    const seen: string[][] = []
    let failures = 2
    await collect(bus(), {
      group: 'failing',
      topics: [narrow],
      maxRecords: 2,
      async handle(batch) {
        seen.push(textsOf(batch.records))
        if (seen.length > 1 && failures > 0) {
          failures -= 1
          throw new Error('the sink is away')
        }
        return batch.records.at(-1)!.offset + 1
      },
    })
    await bus().publish(numbered('r', 6).map((text) => textRecord(narrow, text)))
    await until(
      () => seen,
      () => seen.length >= 5,
    )
    expect(seen).toEqual([
      ['r0', 'r1'],
      ['r2', 'r3'],
      ['r2', 'r3'],
      ['r2', 'r3'],
      ['r4', 'r5'],
    ])
  })

  it('hands out what was not committed again after a restart, but not before', async () => {
    const held = await collectCommitting(bus(), 'holding', () => 3)
    await bus().publish(numbered('a', 5).map((text) => textRecord(narrow, text)))
    await until(
      () => held.texts(),
      (texts) => texts.length >= 5,
    )
    await bus().publish(numbered('b', 2).map((text) => textRecord(narrow, text)))
    await until(
      () => held.texts(),
      (texts) => texts.length >= 7,
    )
    expect(held.texts()).toEqual([...numbered('a', 5), ...numbered('b', 2)])
    await reopen()
    const again = await collect(bus(), { group: 'holding', topics: [narrow] })
    await until(
      () => again.texts(),
      (texts) => texts.length >= 4,
    )
    expect(again.texts()).toEqual(['a3', 'a4', 'b0', 'b1'])
    await reopen()
    const done = await collect(bus(), { group: 'holding', topics: [narrow] })
    await bus().publish([textRecord(narrow, 'c')])
    await until(
      () => done.texts(),
      (texts) => texts.length >= 1,
    )
    expect(done.texts()).toEqual(['c'])
  })

  it('says how many records a group has not committed', async () => {
    expect(await bus().lagOf('lagging', narrow, 0)).toBe(0)
    await bus().publish(numbered('r', 5).map((text) => textRecord(narrow, text)))
    expect(await bus().lagOf('lagging', narrow, 0)).toBe(5)
    await collectCommitting(bus(), 'lagging', () => 3)
    await vi.waitFor(async () => expect(await bus().lagOf('lagging', narrow, 0)).toBe(2), 30_000)
    expect(await bus().lagOf('another', narrow, 0)).toBe(5)
  })

  it('keeps groups apart', async () => {
    const slow = await collectCommitting(bus(), 'slow', () => 0)
    const quick = await collect(bus(), { group: 'quick', topics: [narrow] })
    await bus().publish(numbered('r', 5).map((text) => textRecord(narrow, text)))
    await until(
      () => [slow.texts(), quick.texts()],
      (both) => both.every((texts) => texts.length === 5),
    )
    await reopen()
    const slowAgain = await collect(bus(), { group: 'slow', topics: [narrow] })
    const quickAgain = await collect(bus(), { group: 'quick', topics: [narrow] })
    await bus().publish([textRecord(narrow, 'last')])
    await until(
      () => slowAgain.texts(),
      (texts) => texts.length === 6,
    )
    await until(
      () => quickAgain.texts(),
      (texts) => texts.length >= 1,
    )
    expect(quickAgain.texts()).toEqual(['last'])
  })

  it('shares the partitions of a topic between two consumers, and hands them over when one stops', async () => {
    const one = await collectOwning(bus(), 'shared')
    const two = await collectOwning(bus(), 'shared')
    await until(
      () => [[...one.owned], [...two.owned]],
      ([a, b]) => a!.length === 2 && b!.length === 2,
    )
    const publish = (round: string): Promise<void> =>
      bus().publish([0, 1, 2, 3].map((partition) => textRecord(wide, `${round}${partition}`, { partition })))
    await publish('x')
    await until(
      () => [one.texts, two.texts],
      ([a, b]) => a!.length >= 2 && b!.length >= 2,
    )
    expect([...one.texts, ...two.texts].sort()).toEqual(['x0', 'x1', 'x2', 'x3'])
    await one.stop()
    expect([...one.owned]).toEqual([])
    await until(
      () => two.owned.size,
      (size) => size === 4,
    )
    await publish('y')
    await until(
      () => two.texts.filter((text) => text.startsWith('y')),
      (texts) => texts.length === 4,
    )
    expect(one.texts.filter((text) => text.startsWith('y'))).toEqual([])
    expect([...one.problems, ...two.problems]).toEqual([])
  })
}

function describeSharing({ bus }: Context): void {
  /** The numbers that a consumer owns of `wide`, once they are those of `alike`, too. */
  const numbersOf = ({ owned }: OwningCollector): number[] | null => {
    const [of, ofAlike] = [wide, alike].map((topic) =>
      [...owned].filter((place) => place.startsWith(topic)).map((place) => Number(place.split('/')[1])),
    )
    return JSON.stringify(of!.sort()) === JSON.stringify(ofAlike!.sort()) ? of! : null
  }

  it('gives topics of equal partition numbers to the same consumer, whoever comes and goes', async () => {
    const join = (): Promise<OwningCollector> => collectOwning(bus(), 'alike', [wide, alike])
    const waitFor = async (...expected: [OwningCollector, number][]): Promise<number[][]> => {
      const members = expected.map(([member]) => member)
      const sizes = expected.map(([, size]) => size)
      const numbers = await until(
        () => members.map(numbersOf),
        (each) => each.every((own, index) => own?.length === sizes[index]) && new Set(each.flat()).size === 4,
      )
      return numbers as number[][]
    }
    const one = await join()
    await waitFor([one, 4])
    const two = await join()
    const [, twos] = await waitFor([one, 2], [two, 2])
    const three = await join()
    const four = await join()
    await waitFor([one, 1], [two, 1], [three, 1], [four, 1])
    await three.stop()
    await four.stop()
    await one.stop()
    const five = await join()
    const [left, fives] = await waitFor([two, 2], [five, 2])
    expect(left).toEqual(expect.arrayContaining(twos!.filter((number) => !fives!.includes(number))))
    await bus().publish(
      [0, 1, 2, 3].flatMap((partition) =>
        [wide, alike].map((topic) => textRecord(topic, `${partition}`, { partition })),
      ),
    )
    await until(
      () => [two.texts, five.texts].flat().length,
      (count) => count === 8,
    )
    for (const member of [two, five]) expect(new Set(member.texts.map(Number))).toEqual(new Set(numbersOf(member)))
    expect([one, two, three, four, five].flatMap(({ problems }) => problems)).toEqual([])
  })
}

function describeTails({ bus }: Context): void {
  it('shows every tail what is stored after it started, and nothing older', async () => {
    await bus().publish([textRecord(narrow, 'old'), textRecord(wide, 'old')])
    const first: BusRecord[] = []
    const second: BusRecord[] = []
    const stopFirst = await bus().tail({ topics: [narrow, wide], handle: (records) => void first.push(...records) })
    await bus().tail({ topics: [narrow], handle: (records) => void second.push(...records) })
    await bus().publish(numbered('n', 3).map((text) => textRecord(narrow, text)))
    await bus().publish([textRecord(wide, 'w')])
    await until(
      () => [first.length, second.length],
      ([a, b]) => a === 4 && b === 3,
    )
    expect(textsOf(first).sort()).toEqual(['n0', 'n1', 'n2', 'w'])
    expect(textsOf(second)).toEqual(['n0', 'n1', 'n2'])
    await stopFirst.stop()
    await bus().publish([textRecord(narrow, 'n3')])
    await until(
      () => second.length,
      (count) => count === 4,
    )
    expect(first.length).toBe(4)
  })

  it('goes on after a tail threw', async () => {
    const seen: string[] = []
    await bus().tail({
      topics: [narrow],
      handle(records) {
        seen.push(...textsOf(records))
        if (seen.length === 1) throw new Error('the browser is gone')
      },
    })
    await bus().publish([textRecord(narrow, 'a')])
    await until(
      () => seen,
      () => seen.length === 1,
    )
    await bus().publish([textRecord(narrow, 'b')])
    await until(
      () => seen,
      () => seen.length === 2,
    )
    expect(seen).toEqual(['a', 'b'])
  })
}

function describeStopping({ bus }: Context): void {
  it('waits for the handler that runs, calls no other, and refuses what comes later', async () => {
    const events: string[] = []
    let finish: () => void = () => {}
    await collect(bus(), {
      group: 'stopping',
      topics: [narrow],
      maxRecords: 1,
      async handle(batch) {
        events.push('began')
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        events.push('ended')
        return batch.records.at(-1)!.offset + 1
      },
    })
    await bus().publish([textRecord(narrow, 'a'), textRecord(narrow, 'b')])
    await until(
      () => events,
      () => events.length === 1,
    )
    const stopped = bus()
      .stop()
      .then(() => events.push('stopped'))
    setTimeout(() => finish(), 50)
    await stopped
    expect(events).toEqual(['began', 'ended', 'stopped'])
    await bus().stop()
    await expect(bus().publish([textRecord(narrow, 'late')])).rejects.toMatchObject({ code: 'stopped' })
    await expect(collect(bus(), { group: 'late', topics: [narrow] })).rejects.toMatchObject({ code: 'stopped' })
  })
}

/** Collects, and commits what `answer` says. */
async function collectCommitting(bus: Bus, group: string, answer: () => number): Promise<{ texts(): string[] }> {
  const texts: string[] = []
  await collect(bus, {
    group,
    topics: [narrow],
    async handle(batch) {
      texts.push(...textsOf(keep(batch).records))
      return answer()
    },
  })
  return { texts: () => texts }
}

interface OwningCollector {
  readonly texts: string[]
  /** `<topic>/<partition>` */
  readonly owned: Set<string>
  readonly problems: string[]
  stop(): Promise<void>
}

/** Collects, and notes which partitions it owns and whether a batch came from one that it does not own. */
async function collectOwning(bus: Bus, group: string, topics: readonly string[] = [wide]): Promise<OwningCollector> {
  const collector = { texts: [] as string[], owned: new Set<string>(), problems: [] as string[] }
  const subscription = await bus.subscribe({
    group,
    topics,
    maxRecords: 100,
    maxBytes: 100_000,
    async onAssigned(topic, partition) {
      collector.owned.add(`${topic}/${partition}`)
    },
    async onRevoked(topic, partition) {
      collector.owned.delete(`${topic}/${partition}`)
    },
    async handle({ topic, partition, records }) {
      const place = `${topic}/${partition}`
      if (!collector.owned.has(place)) collector.problems.push(`not owner of ${place}`)
      collector.texts.push(...textsOf(records))
      return records.at(-1)!.offset + 1
    },
  })
  return { ...collector, stop: () => subscription.stop() }
}
