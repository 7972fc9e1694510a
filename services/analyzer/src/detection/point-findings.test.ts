import assert from 'node:assert/strict'
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Anomaly,
  AnomalyPhase,
  AnomalySchema,
  type FlaggedRecord,
  FlaggedRecordSchema,
  LogPatternSchema,
  SettingsChangeSchema,
  Severity,
  topics,
} from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { decodeMoment, encodeMoment } from '../checkpoint-codec.ts'
import { readAnalyzerConfig } from '../config.ts'
import { createPartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, type Partition, stateOf, step } from '../step.ts'
import { findingOfPattern, findingOfRecord } from './point-findings.ts'

const config = readAnalyzerConfig({ env: {}, yaml: {}, file: null }).step
const NOW_MS = 1_800_000_000_000
const HOUR = 3_600_000
const process = 'log:payments'
const origin = (storedAtMs: number) => ({ hostKey: `default/${process}`, tenant: 'default', process, storedAtMs })

type Changes = MessageInitShape<typeof FlaggedRecordSchema>
const flagged = (changes: Changes = {}): FlaggedRecord =>
  create(FlaggedRecordSchema, {
    tenant: 'default',
    process,
    id: 'r-1',
    timeMs: BigInt(NOW_MS),
    rule: 'large transfer',
    expression: 'amount > 1,00,000',
    severity: Severity.CRITICAL,
    record: '{"amount":184500,"account":"A-17"}',
    field: 'amount',
    value: 184_500,
    unit: 'INR',
    ...changes,
  })
const record = (changes: Changes = {}, storedAtMs = NOW_MS + 20): AnalyzerEvent => ({
  kind: 'point',
  origin: origin(storedAtMs),
  finding: findingOfRecord(flagged(changes)),
})
const tick = (storedAtMs: number): AnalyzerEvent => ({ kind: 'tick', storedAtMs })

function anomaliesOf(partition: Partition, ...events: readonly AnalyzerEvent[]): Anomaly[] {
  return events
    .flatMap((event) => step(config, partition, event).detection.records)
    .filter(({ topic }) => topic === topics.anomalies.name)
    .map(({ value }) => fromBinary(AnomalySchema, value))
}
const open = (): Partition => openPartition(config, createPartitionState())

describe('a flagged record', () => {
  test('is an anomaly at once, with the record attached', () => {
    const [anomaly] = anomaliesOf(open(), record())
    expect(anomaly).toMatchObject({
      process,
      type: 'flagged_record',
      severity: Severity.CRITICAL,
      phase: AnomalyPhase.OPENED,
      startTimeMs: BigInt(NOW_MS),
      metric: 'amount',
      value: 184_500,
      unit: 'INR',
      record: '{"amount":184500,"account":"A-17"}',
      description:
        'log payments: amount is 184,500 INR, flagged by large transfer (amount > 1,00,000), at 08:00:00 UTC',
    })
  })

  test('stays open for an hour, so that people find it, and is then closed', () => {
    const partition = open()
    const [opened] = anomaliesOf(partition, record())
    expect(anomaliesOf(partition, tick(NOW_MS + HOUR))).toEqual([])
    const [closed, ...rest] = anomaliesOf(partition, tick(NOW_MS + HOUR + 2000))
    expect(rest).toEqual([])
    expect(closed).toMatchObject({ id: opened!.id, phase: AnomalyPhase.CLOSED, revision: 2 })
  })

  test('that comes twice is told once, and a replay makes the same id', () => {
    const partition = open()
    const [first, ...rest] = anomaliesOf(partition, record(), record())
    expect(rest).toEqual([])
    expect(anomaliesOf(open(), record())[0]!.id).toBe(first!.id)
    expect(anomaliesOf(partition, record({ id: 'r-2' }))).toHaveLength(1)
  })

  test('of long ago is told as closed, so that nobody is called for it', () => {
    const [anomaly] = anomaliesOf(open(), record({ timeMs: BigInt(NOW_MS - 5 * HOUR) }))
    expect(anomaly!.phase).toBe(AnomalyPhase.CLOSED)
  })

  test('goes on over a restart', () => {
    const before = open()
    const [opened] = anomaliesOf(before, record())
    const moment = { positions: new Map(), repeats: [], state: stateOf(before) }
    const restored = decodeMoment(encodeMoment(moment))
    assert(restored.kind === 'whole')
    const after = openPartition(config, restored.moment.state)
    expect(anomaliesOf(after, tick(NOW_MS + HOUR + 2000))[0]).toMatchObject({
      id: opened!.id,
      phase: AnomalyPhase.CLOSED,
    })
  })

  test('of a type that nobody wants is not told', () => {
    const partition = open()
    const change = create(SettingsChangeSchema, {
      tenant: 'default',
      process,
      effectiveTimeMs: 0n,
      change: { case: 'detection', value: { disabledTypes: ['flagged_record'] } },
    })
    expect(anomaliesOf(partition, { kind: 'settings', change }, record())).toEqual([])
  })

  test('that is one of very many closes the oldest: nothing is lost, and no more than 200 are open', () => {
    const partition = open()
    const events = Array.from({ length: 250 }, (_, at) => record({ id: `r-${at}` }))
    const anomalies = anomaliesOf(partition, ...events)
    expect(anomalies.filter(({ phase }) => phase === AnomalyPhase.OPENED)).toHaveLength(250)
    expect(anomalies.filter(({ phase }) => phase === AnomalyPhase.CLOSED)).toHaveLength(50)
  })

  test.each<[string, Changes, string]>([
    ['cents', { value: 99.5, unit: 'EUR' }, 'amount is 99.50 EUR'],
    ['a fraction', { value: 0.00125, unit: '' }, 'amount is 0.00125'],
    ['less than nothing', { value: -1_000_000 }, 'amount is −1,000,000 INR'],
    ['no number', { field: '', value: Number.NaN }, 'a record was flagged by large transfer'],
    ['a time that is none', { timeMs: 9_223_372_036_854_775_807n }, 'at an unknown time'],
  ])('is told in words: %s', (_, changes, words) => {
    expect(findingOfRecord(flagged(changes)).description).toContain(words)
  })
})

describe('a template of lines that was not seen before', () => {
  const pattern = (changes: object = {}) =>
    create(LogPatternSchema, {
      tenant: 'default',
      process,
      id: 0xabcn,
      template: 'connection to <*> lost',
      example: 'connection to 10.0.0.7 lost',
      severity: 17,
      firstSeenMs: BigInt(NOW_MS),
      ...changes,
    })

  test('is a warning when its line was an error, else for information', () => {
    expect(findingOfPattern(pattern())).toMatchObject({
      severity: Severity.WARNING,
      record: 'connection to 10.0.0.7 lost',
    })
    expect(findingOfPattern(pattern({ severity: 9 }))).toMatchObject({ severity: Severity.INFO })
    expect(findingOfPattern(pattern())!.description).toBe(
      'log payments: lines of a kind not seen before, at 08:00:00 UTC: connection to <*> lost',
    )
  })

  test('is nothing to tell while the source is learnt', () => {
    expect(findingOfPattern(pattern({ learning: true }))).toBeNull()
  })
})
