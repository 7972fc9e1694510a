import { create, toBinary } from '@bufbuild/protobuf'
import {
  type AgentBatch,
  AgentBatchSchema,
  CollectRequestSchema,
  encodeSamples,
  MetricKind,
  type ProcessState,
  ProcessTableSchema,
  SampleBatchSchema,
} from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLimits, type IntakeLimits } from '../limits.ts'
import { type Admission, admit, createStreamState, type StreamState } from './admit.ts'

const NOW_MS = 1_800_000_000_000
const HOUR = 3_600_000
type Request = Parameters<typeof create<typeof CollectRequestSchema>>[1]
type Table = Parameters<typeof create<typeof ProcessTableSchema>>[1]

const encode = (message: NonNullable<Request>['message']): Uint8Array =>
  toBinary(CollectRequestSchema, create(CollectRequestSchema, { message: message! }))
const hello = (host = 'web-1', source = 'agent-1') =>
  encode({ case: 'hello', value: { host, source, agentVersion: '1' } as never })
const definition = (changes: object = {}) => ({
  id: 1n,
  process: 'os:web-1:nginx',
  metric: 'process.cpu.usage',
  unit: '{cpu}',
  kind: MetricKind.GAUGE,
  attributes: '{}',
  ...changes,
})
const define = (...definitions: object[]) =>
  encode({ case: 'definitions', value: { definitions: definitions.map(definition) } as never })
const tableBytes = (table: Table): Uint8Array => toBinary(ProcessTableSchema, create(ProcessTableSchema, table))

interface SamplesInput {
  baseTimeMs?: bigint
  ids?: bigint[]
  offsets?: number[]
  values?: number[]
}
function samplesBytes({ baseTimeMs = BigInt(NOW_MS), ids = [1n], offsets, values }: SamplesInput): Uint8Array {
  return encodeSamples({
    baseTimeMs,
    seriesPairs: BigUint64Array.from(ids),
    timeOffsetMs: Int32Array.from(offsets ?? ids.map(() => 0)),
    value: Float64Array.from(values ?? ids.map(() => 1)),
  })
}
function batch(changes: Partial<AgentBatch> = {}): Uint8Array {
  const fields = { epoch: 1n, sequence: 1n, timeMs: BigInt(NOW_MS), samples: samplesBytes({}), ...changes }
  return encode({ case: 'batch', value: { ...create(AgentBatchSchema), ...fields } })
}

function greeted(limits: IntakeLimits = defaultLimits): StreamState {
  const state = createStreamState('default', limits, 1)
  admit(limits, state, hello(), NOW_MS)
  admit(limits, state, define({}), NOW_MS)
  return state
}
const judge = (bytes: Uint8Array, limits: IntakeLimits = defaultLimits): Admission =>
  admit(limits, greeted(limits), bytes, NOW_MS)
const reasonOf = (admission: Admission): string | undefined =>
  admission.kind === 'refused'
    ? admission.refused.reason
    : admission.kind === 'violation'
      ? admission.reason
      : undefined

describe('a hello', () => {
  test.each([
    ['an empty host', '', 'agent-1', 'host_invalid'],
    ['a host with a line break', 'web\n1', 'agent-1', 'host_invalid'],
    ['a host with NUL', 'web\0', 'agent-1', 'host_invalid'],
    ['a host with a slash', 'a/b', 'agent-1', 'host_invalid'],
    ['a host of 254 bytes', 'a'.repeat(254), 'agent-1', 'host_invalid'],
    ['a host of 253 bytes in too many', 'ä'.repeat(127), 'agent-1', 'host_invalid'],
    ['an empty source', 'web-1', '', 'source_invalid'],
    ['a source of 129 characters', 'web-1', 'a'.repeat(129), 'source_invalid'],
    ['a source with a line break', 'web-1', 'a\nb', 'source_invalid'],
  ])('with %s ends the stream', (_, host, source, reason) => {
    const admission = admit(defaultLimits, createStreamState('default', defaultLimits, 1), hello(host, source), NOW_MS)
    expect(admission).toMatchObject({ kind: 'violation', reason })
  })

  test('comes first, and once', () => {
    const state = createStreamState('default', defaultLimits, 1)
    expect(admit(defaultLimits, state, batch(), NOW_MS).kind).toBe('violation')
    expect(admit(defaultLimits, state, hello('höst_1.example'), NOW_MS).kind).toBe('hello')
    expect(admit(defaultLimits, state, hello(), NOW_MS).kind).toBe('violation')
  })
})

describe('a definition', () => {
  test.each([
    ['of another host', { process: 'os:web-2:nginx' }, 'process_foreign'],
    ['of a host whose name begins alike', { process: 'os:web-10:nginx' }, 'process_foreign'],
    ['of another kind', { process: 'device:plant:press' }, 'process_foreign'],
    ['of a group without a name', { process: 'os:web-1:' }, 'process_foreign'],
    ['with a name that is not escaped', { process: 'os:web-1:a b' }, 'process_foreign'],
    ['without a metric', { metric: '' }, 'metric_invalid'],
    ['with a metric of 256 characters', { metric: 'a'.repeat(256) }, 'metric_invalid'],
    ['with a line break in the metric', { metric: 'a\nb' }, 'metric_invalid'],
    ['with a long unit', { unit: 'a'.repeat(64) }, 'unit_invalid'],
    ['of no kind', { kind: MetricKind.UNSPECIFIED }, 'kind_unknown'],
    ['of an unknown kind', { kind: 9 }, 'kind_unknown'],
    ['with attributes that are no JSON', { attributes: '{' }, 'attributes_invalid'],
    ['with attributes that are a list', { attributes: '["a"]' }, 'attributes_invalid'],
    ['with a number among its attributes', { attributes: '{"a":1}' }, 'attributes_invalid'],
    ['with NUL among its attributes', { attributes: '{"a":"\\u0000"}' }, 'attributes_invalid'],
    ['with 5 kB of attributes', { attributes: `{"a":"${'x'.repeat(5000)}"}` }, 'attributes_invalid'],
  ])('%s is refused, and its samples drop out of batches', (_, changes, reason) => {
    const state = greeted()
    const admission = admit(defaultLimits, state, define({ id: 2n, ...changes }), NOW_MS)
    expect(admission).toMatchObject({ kind: 'definitions', series: [], refused: [{ reason }] })
    const bytes = batch({ samples: samplesBytes({ ids: [2n, 1n, 2n], values: [5, 6, 7] }) })
    expect(admit(defaultLimits, state, bytes, NOW_MS)).toMatchObject({ batch: { sampleCount: 1, droppedSamples: 2 } })
  })

  test('is told again only when it changes, whatever the order of its attributes', () => {
    const state = greeted()
    const tell = (changes: object) => {
      const admission = admit(defaultLimits, state, define(changes), NOW_MS)
      return admission.kind === 'definitions' ? admission.series.map(({ attributes }) => attributes) : null
    }
    expect(tell({})).toEqual([])
    expect(tell({ attributes: '{ "b": "2", "a": "1" }' })).toEqual(['{"a":"1","b":"2"}'])
    expect(tell({ attributes: '{"a":"1","b":"2"}' })).toEqual([])
  })

  test('beyond the bound is refused, and batches with its samples go on without them', () => {
    const limits = { ...defaultLimits, seriesMax: 1 }
    const state = greeted(limits)
    const admission = admit(limits, state, define({ id: 2n, metric: 'other' }), NOW_MS)
    expect(admission).toMatchObject({ refused: [{ reason: 'series_too_many' }] })
    const bytes = batch({ samples: samplesBytes({ ids: [2n, 1n] }) })
    expect(admit(limits, state, bytes, NOW_MS)).toMatchObject({ batch: { sampleCount: 1, droppedSamples: 1 } })
  })
})

describe('the samples of a batch', () => {
  const unequal = toBinary(SampleBatchSchema, create(SampleBatchSchema, { series: [1n], value: [1, 2] }))
  test.each<[string, Uint8Array, string]>([
    ['cut off', samplesBytes({}).subarray(0, 20), 'samples_malformed'],
    ['with a length of 4 GB', Uint8Array.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'samples_malformed'],
    ['of unequal lengths', unequal, 'samples_unequal_lengths'],
    ['of an undefined series', samplesBytes({ ids: [77n] }), 'series_undefined'],
    ['with NaN', samplesBytes({ values: [Number.NaN] }), 'value_not_finite'],
    ['with infinity', samplesBytes({ values: [Number.POSITIVE_INFINITY] }), 'value_not_finite'],
    ['with negative infinity', samplesBytes({ values: [Number.NEGATIVE_INFINITY] }), 'value_not_finite'],
    ['of 1970', samplesBytes({ baseTimeMs: 0n }), 'time_too_old'],
    ['of 2262', samplesBytes({ baseTimeMs: 9_223_372_036_854n }), 'time_in_future'],
    ['at the end of 64 bits', samplesBytes({ baseTimeMs: 2n ** 63n - 1n, offsets: [1] }), 'time_in_future'],
    ['at their beginning', samplesBytes({ baseTimeMs: -(2n ** 63n), offsets: [-1] }), 'time_too_old'],
    ['one of them early', samplesBytes({ ids: [1n, 1n], offsets: [0, -48 * HOUR - 1] }), 'time_too_old'],
    ['one of them late', samplesBytes({ ids: [1n, 1n], offsets: [0, 600_001] }), 'time_in_future'],
  ])('%s are refused', (_, samples, reason) => {
    expect(reasonOf(judge(batch({ samples })))).toBe(reason)
  })

  test('are taken up to the edges of time', () => {
    expect(judge(batch({ samples: samplesBytes({ ids: [1n, 1n], offsets: [-48 * HOUR, 600_000] }) })).kind).toBe(
      'batch',
    )
    expect(
      reasonOf(judge(batch({ samples: samplesBytes({ ids: [1n, 1n] }) }), { ...defaultLimits, samplesMax: 1 })),
    ).toBe('samples_too_many')
  })
})

describe('the process table of a batch', () => {
  const started = { pid: [1], startTimeMs: [1n], parentPid: [0], name: [0], command: [0], user: [0], group: [0] }
  const full = { ...started, container: [0], kernelThread: [false] }
  const values = {
    pid: [1],
    state: [1],
    cpuCores: [0],
    residentBytes: [0n],
    virtualBytes: [0n],
    readBytesPerSecond: [0],
    writeBytesPerSecond: [0],
    threads: [1],
    openFiles: [1],
  }
  const ended = { pid: [1], startTimeMs: [1n], kind: [0] }
  test.each<[string, Table, string]>([
    ['columns of unequal lengths', { started: { ...full, name: [] } }, 'table_unequal_lengths'],
    ['values of unequal lengths', { values: { ...values, threads: [1, 2] } }, 'table_unequal_lengths'],
    ['a text index out of range', { strings: [''], started: { ...full, name: [1] } }, 'table_index_out_of_range'],
    ['an index into no texts', { started: { ...full, user: [4_000_000_000] } }, 'table_index_out_of_range'],
    ['a first text that is not empty', { strings: ['x'] }, 'table_text_invalid'],
    ['a text of 20 kB', { strings: ['', 'x'.repeat(20_000)] }, 'table_text_invalid'],
    ['a group of another host', { strings: ['', 'os:db-1:x'], started: { ...full, group: [1] } }, 'process_foreign'],
    ['a pid twice', { values: twice(values) }, 'table_pid_duplicate'],
    ['a started pid twice', { started: twice(full) }, 'table_pid_duplicate'],
    ['an ended pid twice', { ended: twice(ended) }, 'table_pid_duplicate'],
    ['a start in 2262', { started: { ...full, startTimeMs: [9_223_372_036_854n] } }, 'table_value_out_of_range'],
    ['a start before 1970', { ended: { ...ended, startTimeMs: [-1n] } }, 'table_value_out_of_range'],
    ['infinite CPU', { values: { ...values, cpuCores: [Number.POSITIVE_INFINITY] } }, 'table_value_out_of_range'],
    ['negative bytes', { values: { ...values, readBytesPerSecond: [-1] } }, 'table_value_out_of_range'],
    ['exabytes of memory', { values: { ...values, residentBytes: [2n ** 60n] } }, 'table_value_out_of_range'],
    ['an unknown end', { ended: { ...ended, kind: [7] } }, 'table_value_out_of_range'],
  ])('with %s is refused', (_, table, reason) => {
    expect(reasonOf(judge(batch({ table: tableBytes(table) })))).toBe(reason)
  })

  test('with too many rows or texts is refused', () => {
    const limits = { ...defaultLimits, rowsMax: 2 }
    const many = Array.from({ length: 10_000 }, (_, index) => `text ${index}`)
    expect(reasonOf(judge(batch({ table: tableBytes({ strings: ['', ...many] }) }), limits))).toBe('table_too_large')
    expect(reasonOf(judge(batch({ table: tableBytes({ values: thrice(values) }) }), limits))).toBe('table_too_large')
    expect(judge(batch({ table: tableBytes({ strings: ['', ...many] }) })).kind).toBe('batch')
  })

  test('that is no protobuf, or holds invalid UTF-8, is refused', () => {
    expect(reasonOf(judge(batch({ table: Uint8Array.from([0x12, 0x7f]) })))).toBe('table_malformed')
    expect(reasonOf(judge(batch({ table: Uint8Array.from([0x0a, 2, 0xc3, 0x28]) })))).toBe('table_malformed')
  })

  test('loses fields that we do not know, keeps NaN, and tells unknown states as unspecified', () => {
    const known = tableBytes({ values: { ...values, state: [99 as ProcessState], cpuCores: [Number.NaN] } })
    const bytes = Buffer.concat([known, Uint8Array.from([0xfa, 0x01, 3, 1, 2, 3])])
    const admission = judge(batch({ table: bytes }))
    const clean = Buffer.from(tableBytes({ values: { ...values, state: [0], cpuCores: [Number.NaN] } }))
    expect(admission.kind === 'batch' && Buffer.from(admission.batch.snapshot).includes(clean)).toBe(true)
    expect(admission.kind === 'batch' && Buffer.from(admission.batch.snapshot).includes(bytes)).toBe(false)
  })
})

describe('a batch', () => {
  test.each<[string, Partial<AgentBatch>, string]>([
    ['of epoch 0', { epoch: 0n }, 'epoch_out_of_range'],
    ['of an epoch beyond 2^53', { epoch: 2n ** 53n }, 'epoch_out_of_range'],
    ['of sequence 0', { sequence: 0n }, 'epoch_out_of_range'],
    ['read 49 hours ago', { timeMs: BigInt(NOW_MS - 49 * HOUR) }, 'time_too_old'],
    ['read in 11 minutes', { timeMs: BigInt(NOW_MS + 660_000) }, 'time_in_future'],
    [
      'of a host with a boot time of 2262',
      { description: description({ bootTimeMs: 9_223_372_036_854n }) },
      'description_invalid',
    ],
    ['of a kernel with a long name', { description: description({ kernel: 'x'.repeat(300) }) }, 'description_invalid'],
  ])('%s is refused', (_, changes, reason) => {
    expect(reasonOf(judge(batch(changes)))).toBe(reason)
  })

  test('larger than a record of the bus is refused', () => {
    expect(reasonOf(judge(batch(), { ...defaultLimits, recordBytesMax: 10 }))).toBe('record_too_large')
  })

  test('goes on from the one before, also after a refusal and into a later epoch', () => {
    const state = greeted()
    const send = (epoch: bigint, sequence: bigint, changes: Partial<AgentBatch> = {}) =>
      admit(defaultLimits, state, batch({ epoch, sequence, ...changes }), NOW_MS)
    expect(send(1n, 5n).kind).toBe('batch')
    expect(reasonOf(send(1n, 5n))).toBe('sequence_not_monotonic')
    expect(reasonOf(send(1n, 4n))).toBe('sequence_not_monotonic')
    expect(reasonOf(send(1n, 6n, { timeMs: 0n }))).toBe('time_too_old')
    expect(reasonOf(send(1n, 6n))).toBe('sequence_not_monotonic')
    expect(send(2n, 1n).kind).toBe('batch')
    expect(reasonOf(send(1n, 7n))).toBe('sequence_not_monotonic')
  })
})

test('whatever bytes come, the answer is a verdict', () => {
  const valid = [hello(), define({}), batch({ table: tableBytes({ strings: ['', 'a'] }) })]
  const damaged = fc
    .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
    .map(([bytes, changes, length]) => {
      const copy = Uint8Array.from(bytes)
      for (const [at, byte] of changes) copy[at % copy.length] = byte
      return copy.subarray(0, length % (copy.length + 1))
    })
  fc.assert(
    fc.property(fc.array(fc.oneof(damaged, fc.uint8Array({ maxLength: 100 })), { maxLength: 5 }), (messages) => {
      const state = greeted()
      for (const bytes of messages) expect(admit(defaultLimits, state, bytes, NOW_MS).kind).toBeTypeOf('string')
    }),
    { numRuns: 500 },
  )
}, 60_000)

function twice<T extends object>(columns: T): T {
  return Object.fromEntries(Object.entries(columns).map(([name, [value]]) => [name, [value, value]])) as T
}

function thrice<T extends object>(columns: T): T {
  const entries = Object.entries(columns).map(([name, [value]]) => [
    name,
    name === 'pid' ? [1, 2, 3] : [value, value, value],
  ])
  return Object.fromEntries(entries) as T
}

function description(changes: object): NonNullable<AgentBatch['description']> {
  const empty = { osName: '', osVersion: '', kernel: '', architecture: '', logicalCpus: 0, memoryBytes: 0n }
  const rest = { bootTimeMs: 0n, agentVersion: '', intervalMs: 0 }
  return { $typeName: 'driftline.v1.HostDescription', ...empty, ...rest, ...changes }
}
