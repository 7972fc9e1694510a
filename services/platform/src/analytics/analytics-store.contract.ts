import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeadLetterSchema,
  KpiBatchSchema,
  PackedSnapshotSchema,
  SampleBatchSchema,
  SeriesBatchSchema,
} from '@driftline/proto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../errors.ts'
import type { AnalyticsStore, InsertProtobuf } from './analytics-store.ts'
import { createClickHouseStore } from './clickhouse-store.ts'
import { describeMigrations, type OpenStore } from './migrations.contract.ts'
import { protoText } from './proto-text.ts'
import type { StoreEndpoint } from './store-endpoint.ts'
import { bodyOf, delimited, migrationsDir, quietLogger, testRetention } from './testing/store-test-kit.ts'

/** A server of the test file's own and the store over it, which has started in a database that was not there. */
export interface StoreUnderTest {
  readonly store: AnalyticsStore
  /** Where further stores find the same server. */
  endpoint(): StoreEndpoint
  /** Ends the server as a crash would. */
  crash(): Promise<void>
  /** Has the server back after `crash`; nothing is to be done for one that is supervised. */
  restart(): Promise<void>
  /** Stops both and removes the data. */
  end(): Promise<void>
}

const nowMs = Math.floor(Date.now() / 60_000) * 60_000 - 60_000
const base = BigInt(nowMs)

/** What every analytics store does, wherever its ClickHouse runs. */
export function describeAnalyticsStore(title: string, start: () => Promise<StoreUnderTest>): void {
  describe(title, () => {
    let test: StoreUnderTest
    const opened: AnalyticsStore[] = []
    beforeAll(async () => {
      test = await start()
    })
    afterAll(async () => {
      for (const store of opened) await store.stop()
      await test?.end()
    })
    beforeEach(async () => {
      for (const table of ['samples', 'samples_1m', 'series', 'snapshots', 'kpis', 'kpis_1m', 'dead_letters']) {
        await test.store.execute(`TRUNCATE TABLE ${table}`)
      }
    })

    const open: OpenStore = ({ password, ...changes } = {}) => {
      const config = { retention: testRetention, migrationsDir, requestTimeoutMs: 30_000, startTimeoutMs: 20_000 }
      const endpoint = (): StoreEndpoint => {
        const found = test.endpoint()
        return password === undefined ? found : { ...found, writer: { ...found.writer, password } }
      }
      const store = createClickHouseStore({ ...config, ...changes }, { endpoint, logger: quietLogger })
      opened.push(store)
      return store
    }
    const store = (): AnalyticsStore => test.store
    describeSamples(store)
    describeRefusals(store)
    describeOtherTables(store)
    describeErrors(store)
    describeStart(open)
    describeMigrations(store, open)
    describeOutage(() => test, open)
  })
}

let tokens = 0
const freshToken = (): string => `test-${++tokens}`

function samplesInsert(body: Uint8Array, deduplicationToken = freshToken()): InsertProtobuf {
  return { table: 'samples_in', schema: protoText(SampleBatchSchema), message: 'SampleBatch', body, deduplicationToken }
}

/** `resolved`, or the code that the call was refused with. */
const code = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'resolved',
    (error: unknown) =>
      error instanceof AppError ? `${error.code}${error.retryable ? ' (retryable)' : ''}` : String(error),
  )

const samplesBody = bodyOf(SampleBatchSchema, [
  { baseTimeMs: base, series: [1n, 2n, 2n ** 64n - 1n], timeOffsetMs: [0, 500, 60_000], value: [1.5, -2.25, 1e300] },
  { baseTimeMs: base, series: [1n], timeOffsetMs: [1000], value: [2.5] },
])

/** As many rows as the largest body holds. */
const LARGE_BODY_ROWS = 390_000
const largeBody = (): Uint8Array =>
  bodyOf(SampleBatchSchema, [
    {
      baseTimeMs: base,
      series: Array.from({ length: LARGE_BODY_ROWS }, (_, i) => BigInt(i % 1000)),
      timeOffsetMs: Array.from({ length: LARGE_BODY_ROWS }, (_, i) => Math.floor(i / 1000)),
      value: Array.from({ length: LARGE_BODY_ROWS }, (_, i) => i),
    },
  ])

function describeSamples(store: () => AnalyticsStore): void {
  describe('samples', () => {
    it('become rows, and minutes of roll-up', async () => {
      await store().insertProtobuf(samplesInsert(samplesBody))
      expect(
        await store().query('SELECT series, toUnixTimestamp64Milli(ts) AS ms, value FROM samples ORDER BY series, ts'),
      ).toEqual([
        { series: '1', ms: String(nowMs), value: 1.5 },
        { series: '1', ms: String(nowMs + 1000), value: 2.5 },
        { series: '2', ms: String(nowMs + 500), value: -2.25 },
        { series: '18446744073709551615', ms: String(nowMs + 60_000), value: 1e300 },
      ])
      expect(
        await store().query('SELECT min, max, sum, count FROM samples_1m FINAL WHERE series = {id: UInt64}', {
          id: '1',
        }),
      ).toEqual([{ min: 1.5, max: 2.5, sum: 4, count: '2' }])
    })

    it('are one part per insert, and a repeated token adds nothing, neither to the table nor behind a view', async () => {
      const insert = samplesInsert(samplesBody)
      for (let i = 0; i < 3; i++) await store().insertProtobuf(insert)
      expect(await store().query('SELECT count() AS n FROM samples')).toEqual([{ n: '4' }])
      expect(await store().query('SELECT sum(count) AS n FROM samples_1m')).toEqual([{ n: '4' }])
      expect(
        await store().query(`SELECT table, count() AS parts FROM system.parts
          WHERE active AND database = currentDatabase() AND table IN ('samples', 'samples_1m') GROUP BY table ORDER BY table`),
      ).toEqual([
        { table: 'samples', parts: '1' },
        { table: 'samples_1m', parts: '1' },
      ])
    })

    it('complete a view that an interrupted insert did not reach', async () => {
      const insert = samplesInsert(samplesBody)
      await store().execute('DETACH TABLE samples_1m_view')
      await store().insertProtobuf(insert)
      await store().execute('ATTACH TABLE samples_1m_view')
      expect(await store().query('SELECT sum(count) AS n FROM samples_1m')).toEqual([{ n: '0' }])
      await store().insertProtobuf(insert)
      expect(await store().query('SELECT count() AS n FROM samples')).toEqual([{ n: '4' }])
      expect(await store().query('SELECT sum(count) AS n FROM samples_1m')).toEqual([{ n: '4' }])
    })

    it('stay one block when the body is as large as it may be', async () => {
      const rows = LARGE_BODY_ROWS
      const large = largeBody()
      expect(large.length).toBeGreaterThan(7.8e6)
      const insert = samplesInsert(large)
      await store().insertProtobuf(insert)
      await store().insertProtobuf(insert)
      expect(await store().query('SELECT count() AS n, sum(value) AS s FROM samples')).toEqual([
        { n: String(rows), s: (rows * (rows - 1)) / 2 },
      ])
      expect(
        await store().query(
          "SELECT count() AS n FROM system.parts WHERE active AND database = currentDatabase() AND table = 'samples'",
        ),
      ).toEqual([{ n: '1' }])
    })
  })
}

function describeRefusals(store: () => AnalyticsStore): void {
  describe('samples at fault', () => {
    it.each([
      [
        'arrays of unequal length',
        bodyOf(SampleBatchSchema, [{ baseTimeMs: base, series: [1n, 2n], timeOffsetMs: [0], value: [1] }]),
      ],
      ['a truncated record', delimited(samplesBody.subarray(1, 40)).subarray(0, 30)],
      ['bytes that are no protobuf', delimited(Buffer.from('\n\nDROP TABLE samples;\n\n'))],
      ['a blank line and SQL', Buffer.from('\n\nDROP TABLE samples')],
      [
        'more days than a body may span',
        bodyOf(
          SampleBatchSchema,
          Array.from({ length: 120 }, (_, day) => {
            return { baseTimeMs: base - BigInt(day) * 86_400_000n, series: [1n], timeOffsetMs: [0], value: [1] }
          }),
        ),
      ],
    ])('are refused as data, all or nothing: %s', async (_, hostile) => {
      const good = bodyOf(SampleBatchSchema, [{ baseTimeMs: base, series: [7n], timeOffsetMs: [0], value: [7] }])
      expect(await code(store().insertProtobuf(samplesInsert(Buffer.concat([good, hostile]))))).toBe(
        'store_refused_data',
      )
      expect(await store().query('SELECT count() AS n FROM samples')).toEqual([{ n: '0' }])
      expect(await store().query('SELECT count() AS n FROM samples_1m')).toEqual([{ n: '0' }])
    })

    it('refuse a body that would be more than one block before it is sent', async () => {
      expect(await code(store().insertProtobuf(samplesInsert(new Uint8Array(8 * 1024 * 1024 + 1))))).toBe(
        'record_too_large',
      )
    })

    it('store infinity and NaN without harm to their neighbours', async () => {
      const odd = bodyOf(SampleBatchSchema, [
        {
          baseTimeMs: base,
          series: [1n, 2n, 3n],
          timeOffsetMs: [0, 0, 0],
          value: [Number.NaN, Number.POSITIVE_INFINITY, 5],
        },
      ])
      await store().insertProtobuf(samplesInsert(odd))
      expect(await store().query('SELECT series, value FROM samples ORDER BY series')).toEqual([
        { series: '1', value: null },
        { series: '2', value: null },
        { series: '3', value: 5 },
      ])
    })
  })
}

const hostileTexts = [
  "'; DROP TABLE samples; --",
  'a\0b',
  '\n\n\nSELECT 1\n',
  '{id: UInt64} %s \\x00 \\N',
  '"\t\r\u2028😀',
  '',
]

function describeOtherTables(store: () => AnalyticsStore): void {
  describe('series', () => {
    it.each(hostileTexts)('hold any text as it is: %j', async (text) => {
      const body = bodyOf(SeriesBatchSchema, [
        {
          series: [
            {
              id: 9n,
              tenant: text,
              process: text,
              metric: text,
              unit: text,
              kind: 3,
              attributes: text,
              definedAtMs: base,
            },
          ],
        },
      ])
      await store().insertProtobuf({
        table: 'series_in',
        schema: protoText(SeriesBatchSchema),
        message: 'SeriesBatch',
        body,
        deduplicationToken: freshToken(),
      })
      const sql = 'SELECT * FROM series WHERE tenant = {tenant: String} AND process = {process: String}'
      expect(await store().query(sql, { tenant: text, process: text })).toMatchObject([
        { id: '9', tenant: text, metric: text, unit: text, kind: 'cumulative', attributes: text },
      ])
    })

    it('keep the last definition', async () => {
      for (const [unit, definedAtMs] of [
        ['new', base + 1000n],
        ['old', base],
      ] as const) {
        const series = [{ id: 1n, tenant: 't', process: 'p', metric: 'm', unit, kind: 99, definedAtMs }]
        const body = bodyOf(SeriesBatchSchema, [{ series }])
        const insert = { table: 'series_in', schema: protoText(SeriesBatchSchema), message: 'SeriesBatch', body }
        await store().insertProtobuf({ ...insert, deduplicationToken: freshToken() })
      }
      expect(await store().query('SELECT unit, kind FROM series FINAL')).toEqual([{ unit: 'new', kind: 'unspecified' }])
    })
  })

  describe('snapshots', () => {
    it('give back the bytes of each frame', async () => {
      const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255)
      const frames = [true, false].map((keyFrame, i) => ({
        tenant: 't',
        host: 'h',
        timeMs: base + BigInt(i * 1000),
        keyFrame,
        description: bytes.subarray(0, keyFrame ? 10 : 0),
        table: bytes,
      }))
      await store().insertProtobuf({
        table: 'snapshots_in',
        schema: protoText(PackedSnapshotSchema),
        message: 'PackedSnapshot',
        body: bodyOf(PackedSnapshotSchema, frames),
        deduplicationToken: freshToken(),
      })
      const rows = await store().query<{ key_frame: boolean; t: string; d: string }>(
        'SELECT key_frame, base64Encode(`table`) AS t, base64Encode(description) AS d FROM snapshots ORDER BY ts',
      )
      expect(rows.map((row) => row.key_frame)).toEqual([true, false])
      for (const row of rows) expect(Buffer.from(row.t, 'base64').equals(bytes)).toBe(true)
      expect(rows.map((row) => Buffer.from(row.d, 'base64').length)).toEqual([10, 0])
    })
  })

  describe('kpis', () => {
    it('hold NULL where there is no data, also in the minutes', async () => {
      const columns = Object.fromEntries(
        KpiBatchSchema.fields.slice(4).map((field) => [field.localName, [Number.NaN, 0.5]]),
      )
      for (const [i, cpu] of [1, 3].entries()) {
        const bucket = { tenant: 't', bucketTimeMs: base + BigInt(i * 1000), bucketMs: 1000, process: ['p', "q'"] }
        await store().insertProtobuf({
          table: 'kpis_in',
          schema: protoText(KpiBatchSchema),
          message: 'KpiBatch',
          body: bodyOf(KpiBatchSchema, [{ ...bucket, ...columns, cpuCores: [Number.NaN, cpu] }]),
          deduplicationToken: freshToken(),
        })
      }
      expect(await store().query('SELECT process, cpu_cores, instances FROM kpis ORDER BY process, ts')).toEqual([
        { process: 'p', cpu_cores: null, instances: null },
        { process: 'p', cpu_cores: null, instances: null },
        { process: "q'", cpu_cores: 1, instances: 0.5 },
        { process: "q'", cpu_cores: 3, instances: 0.5 },
      ])
      expect(
        await store().query(`SELECT process, cpu_cores_min AS low, cpu_cores_max AS high, cpu_cores_sum / cpu_cores_count AS mean
          FROM kpis_1m FINAL ORDER BY process`),
      ).toEqual([
        { process: 'p', low: null, high: null, mean: null },
        { process: "q'", low: 1, high: 3, mean: 2 },
      ])
    })
  })

  describe('dead letters', () => {
    it('keep reason and payload', async () => {
      await store().insertProtobuf({
        table: 'dead_letters_in',
        schema: protoText(DeadLetterSchema),
        message: 'DeadLetter',
        body: bodyOf(DeadLetterSchema, [
          {
            tenant: 't',
            timeMs: base,
            service: 'intake',
            reason: 'value_not_finite',
            payload: Uint8Array.of(0, 255),
            payloadSize: 9n,
            offset: 5n,
          },
        ]),
        deduplicationToken: freshToken(),
      })
      expect(
        await store().query('SELECT reason, hex(payload) AS payload, payload_size, `offset` FROM dead_letters'),
      ).toEqual([{ reason: 'value_not_finite', payload: '00FF', payload_size: '9', offset: '5' }])
    })
  })
}

function describeErrors(store: () => AnalyticsStore): void {
  describe('errors', () => {
    it('tell a wrong statement from a wrong body', async () => {
      expect(await code(store().query('SELECT * FROM no_such_table'))).toBe('store_rejected')
      expect(await code(store().execute('NOT SQL'))).toBe('store_rejected')
      const misspelt = { ...samplesInsert(new Uint8Array()), message: 'NoSuchMessage' }
      expect(await code(store().insertProtobuf(misspelt))).toBe('store_rejected')
      expect(await code(store().insertProtobuf({ ...samplesInsert(new Uint8Array()), table: 'samples; DROP' }))).toBe(
        'store_rejected',
      )
    })

    it('bound what a read may take', async () => {
      expect(await code(store().query('SELECT number FROM system.numbers LIMIT 200001'))).toBe('store_rejected')
      expect(await code(store().query('SELECT groupArray(number) FROM numbers(100000000)'))).toBe('store_rejected')
    })
  })
}

function describeStart(open: OpenStore): void {
  describe('a start', () => {
    it('says what the server complains of, not only that time has passed', async () => {
      const stranger = open({ password: 'wrong', startTimeoutMs: 0, migrationsDir: null })
      await expect(stranger.start()).rejects.toMatchObject({
        code: 'store_unavailable',
        retryable: true,
        message: expect.stringMatching(/AUTHENTICATION_FAILED|REQUIRED_PASSWORD/),
      })
      expect(await stranger.ping()).toBe(false)
    })

    it('can follow a stop, between which everything is answered with stopped', async () => {
      const store = open()
      await store.start()
      await store.stop()
      await store.stop()
      expect(await code(store.query('SELECT 1'))).toBe('stopped')
      expect(await code(store.execute('SELECT 1'))).toBe('stopped')
      expect(await code(store.insertProtobuf(samplesInsert(samplesBody)))).toBe('stopped')
      expect(await store.ping()).toBe(false)
      await store.start()
      expect(await store.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    })
  })
}

/** Asks the store time and again until told to end; what it answered, to queries and to pings. */
function watch(store: AnalyticsStore): { answers: Set<string>; pings: Set<boolean>; end(): Promise<void> } {
  const answers = new Set<string>()
  const pings = new Set<boolean>()
  let isOver = false
  const run = async (): Promise<void> => {
    while (!isOver) {
      answers.add(await code(store.query('SELECT 1')))
      pings.add(await store.ping())
      await sleep(10)
    }
  }
  const running = run()
  const end = async (): Promise<void> => {
    isOver = true
    await running
  }
  return { answers, pings, end }
}

function describeOutage(test: () => StoreUnderTest, open: OpenStore): void {
  it('says that a killed server is away, and goes on by itself with what was acknowledged once it is back', async () => {
    const { store, crash, restart } = test()
    await store.insertProtobuf(samplesInsert(samplesBody))
    const interrupted = samplesInsert(largeBody())
    const { answers, pings, end } = watch(store)
    await expect.poll(() => [...answers]).toEqual(['resolved'])
    const interruption = code(store.insertProtobuf(interrupted))
    await sleep(50)
    await crash()
    const starting = open().start()
    expect(['store_unavailable (retryable)', 'resolved']).toContain(await interruption)
    await expect.poll(() => [...answers]).toEqual(['resolved', 'store_unavailable (retryable)'])
    await restart()
    await starting
    await expect.poll(() => code(store.insertProtobuf(interrupted)), { timeout: 30_000 }).toBe('resolved')
    await end()
    expect([...answers]).toEqual(['resolved', 'store_unavailable (retryable)'])
    expect([...pings].sort()).toEqual([false, true])
    const rows = [{ n: String(LARGE_BODY_ROWS + 4) }]
    expect(await store.query('SELECT count() AS n FROM samples')).toEqual(rows)
    expect(await store.query('SELECT sum(count) AS n FROM samples_1m')).toEqual(rows)
  })
}
