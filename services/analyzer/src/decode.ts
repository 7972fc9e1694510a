import { fromBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { deadLetter, emit, skip, type Verdict } from '@driftline/platform/verdict'
import {
  decodeSamples,
  FlaggedRecordSchema,
  HostDescriptionSchema,
  LogPatternSchema,
  PackedSnapshotSchema,
  type ProcessEnds,
  ProcessEndsSchema,
  type ProcessIdentities,
  ProcessIdentitiesSchema,
  RunEventSchema,
  SeriesBatchSchema,
  SettingsChangeSchema,
  topics,
} from '@driftline/proto'
import { findingOfPattern, findingOfRecord } from './detection/point-findings.ts'
import { factsOfRun } from './detection/runs/run-facts.ts'
import type { HostFacts } from './model/state.ts'
import type { AnalyzerEvent, Origin } from './step.ts'

/** Reads a record as an event of the analyzer. Process tables of things that are no hosts are skipped. */
export function decodeRecord(record: BusRecord): Verdict<AnalyzerEvent> {
  if (record.topic === topics.ticks.name) return emit({ kind: 'tick', storedAtMs: record.storedAtMs })
  const { tenant } = record.headers
  const process = record.key.slice(tenant.length + 1)
  const isSettings = record.topic === topics.settings.name
  if (!isSettings && !record.key.startsWith(`${tenant}/`)) return deadLetter('key_malformed', record.key)
  if (record.topic === topics.snapshots.name && !process.startsWith('host:')) return skip('not_on_a_host')
  const origin = originOf(record.key, tenant, record.storedAtMs)
  try {
    return decodeValue(record, origin)
  } catch (error) {
    return deadLetter('value_malformed', (error as Error).message)
  }
}

/** Who a record is about, by its key. */
export function originOf(hostKey: string, tenant: string, storedAtMs: number): Origin {
  return { hostKey, tenant, process: hostKey.slice(tenant.length + 1), storedAtMs }
}

function decodeValue({ topic, value }: BusRecord, origin: Origin): Verdict<AnalyzerEvent> {
  if (topic === topics.samples.name) {
    const columns = decodeSamples(value)
    if (columns === null) return deadLetter('samples_unequal_lengths', 'the arrays differ in length')
    return emit({ kind: 'samples', origin, columns })
  }
  if (topic === topics.series.name) {
    const { series } = fromBinary(SeriesBatchSchema, value)
    return emit({ kind: 'series', hostKey: origin.hostKey, series })
  }
  if (topic === topics.settings.name) {
    return emit({ kind: 'settings', change: fromBinary(SettingsChangeSchema, value) })
  }
  if (topic === topics.flaggedRecords.name) {
    return emit({ kind: 'point', origin, finding: findingOfRecord(fromBinary(FlaggedRecordSchema, value)) })
  }
  if (topic === topics.logPatterns.name) {
    const finding = findingOfPattern(fromBinary(LogPatternSchema, value))
    return finding === null ? skip('still_learning') : emit({ kind: 'point', origin, finding })
  }
  if (topic === topics.runs.name) {
    const facts = factsOfRun(fromBinary(RunEventSchema, value))
    return facts === null ? skip('not_running_yet') : emit({ kind: 'run', origin, facts })
  }
  const snapshot = fromBinary(PackedSnapshotSchema, value)
  const frame = { timeMs: Number(snapshot.timeMs), keyFrame: snapshot.keyFrame, ...decodeTable(snapshot.table) }
  return emit({ kind: 'snapshot', origin, frame, facts: decodeFacts(snapshot.description) })
}

/** What KPIs need of a ProcessTable: the values of instances, most of its bytes, are passed over unread. */
function decodeTable(table: Uint8Array): {
  strings: string[]
  started: ProcessIdentities | undefined
  ended: ProcessEnds | undefined
} {
  const reader = new BinaryReader(table)
  const strings: string[] = []
  let started: ProcessIdentities | undefined
  let ended: ProcessEnds | undefined
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (wireType !== WireType.LengthDelimited || field === 3) reader.skip(wireType, field)
    else if (field === 1) strings.push(reader.string())
    else if (field === 2) started = fromBinary(ProcessIdentitiesSchema, reader.bytes())
    else if (field === 4) ended = fromBinary(ProcessEndsSchema, reader.bytes())
    else reader.skip(wireType, field)
  }
  return { strings, started, ended }
}

function decodeFacts(description: Uint8Array): HostFacts | null {
  if (description.length === 0) return null
  const { logicalCpus, memoryBytes, bootTimeMs } = fromBinary(HostDescriptionSchema, description)
  const known = (value: number): number => (value === 0 ? Number.NaN : value)
  return {
    logicalCpus: known(logicalCpus),
    memoryBytes: known(Number(memoryBytes)),
    bootTimeMs: known(Number(bootTimeMs)),
  }
}
