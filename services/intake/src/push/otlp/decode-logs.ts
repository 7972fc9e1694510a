import type { LogSink } from '../log-sink.ts'
import type { BodyProblem, Refused } from '../point-sink.ts'
import {
  BYTES,
  expectType,
  FIXED64,
  readFixed64,
  readLength,
  readTag,
  readVarint32,
  skip,
  textOf,
  VARINT,
  type Wire,
  WireError,
  wireOf,
} from '../wire/wire.ts'
import { type AnyJson, readAnyValue, readKeyValueField, textOfValue } from './any-value.ts'
import { eachMessage } from './decode-metrics.ts'
import { createScopeReader, type ScopeReader } from './scope-reader.ts'
import { severityOf } from './severity.ts'

export interface LogsContext {
  readonly sink: LogSink
  /** As in MetricsContext. */
  processOf(explicit: string): string | null
}

const ATTRIBUTES_MAX = 128
const NANOS_PER_MS = 1e6

/** Reads an ExportLogsServiceRequest. Adds to the sink until it meets bytes that are no protobuf. */
export function decodeLogs(bytes: Uint8Array, context: LogsContext): BodyProblem {
  const wire = wireOf(bytes)
  const scopes = createScopeReader(wire, context.processOf)
  try {
    eachMessage(wire, wire.end, 1, (end) => {
      scopes.enterResource(end)
      eachMessage(wire, end, 2, (scopeEnd) => {
        scopes.enterScope(scopeEnd)
        eachMessage(wire, scopeEnd, 2, (recordEnd) => readRecord(wire, recordEnd, scopes, context.sink))
      })
    })
    return null
  } catch (error) {
    if (error instanceof WireError) return { reason: 'body_malformed', detail: error.message }
    throw error
  }
}

interface LogRecord {
  timeNanos: number
  observedNanos: number
  severity: number
  severityText: string
  body: Uint8Array
  traceId: string
  spanId: string
  eventName: string
}

function readRecord(wire: Wire, end: number, scopes: ScopeReader, sink: LogSink): void {
  const start = wire.at
  const refuse = (refused: Refused): void => {
    const payload = wire.bytes.slice(start, end)
    sink.refuse({ ...refused, count: 1, payload: () => payload })
  }
  const origin = scopes.origin()
  const record = readFields(wire, end)
  if ('reason' in origin) {
    refuse(origin)
    return
  }
  wire.at = start
  const own = Object.create(null) as { [key: string]: AnyJson }
  const count = readKeyValueField(wire, end, 6, own, ATTRIBUTES_MAX)
  if (count > ATTRIBUTES_MAX) {
    refuse({ reason: 'attributes_invalid', detail: `a log record has more than ${ATTRIBUTES_MAX} attributes` })
    return
  }
  const attributes = Object.create(null) as { [key: string]: AnyJson }
  Object.assign(attributes, origin.attributes)
  if (scopes.scopeName() !== '') attributes['otel.scope.name'] = scopes.scopeName()
  if (record.traceId !== '') attributes['trace_id'] = record.traceId
  if (record.spanId !== '') attributes['span_id'] = record.spanId
  if (record.eventName !== '') attributes['event.name'] = record.eventName
  for (const key in own) attributes[key] = own[key]!
  const nanos = record.timeNanos || record.observedNanos
  const severity = record.severity >= 1 && record.severity <= 24 ? record.severity : severityOf(record.severityText)
  const text = Object.keys(attributes).length === 0 ? '' : JSON.stringify(attributes)
  sink.row(origin.process, nanos === 0 ? null : Math.floor(nanos / NANOS_PER_MS), severity, record.body, text)
}

const nothing = new Uint8Array()

function readFields(wire: Wire, end: number): LogRecord {
  const record: LogRecord = {
    timeNanos: 0,
    observedNanos: 0,
    severity: 0,
    severityText: '',
    body: nothing,
    traceId: '',
    spanId: '',
    eventName: '',
  }
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    const field = tag >>> 3
    if (field === 1 || field === 11) {
      expectType(tag, FIXED64)
      if (field === 1) record.timeNanos = readFixed64(wire)
      else record.observedNanos = readFixed64(wire)
    } else if (field === 2) {
      expectType(tag, VARINT)
      record.severity = readVarint32(wire)
    } else if (field === 3 || field === 5 || field === 9 || field === 10 || field === 12) {
      expectType(tag, BYTES)
      const partEnd = readLength(wire)
      readPart(wire, field, partEnd, record)
      wire.at = partEnd
      wire.end = end
    } else skip(wire, tag)
  }
  return record
}

function readPart(wire: Wire, field: number, end: number, record: LogRecord): void {
  if (field === 5) record.body = readBody(wire, end)
  else if (field === 9) record.traceId = hexOf(wire, end, 16)
  else if (field === 10) record.spanId = hexOf(wire, end, 8)
  else if (field === 3) record.severityText = textOf(wire, wire.at, end) ?? ''
  else record.eventName = textOf(wire, wire.at, end) ?? ''
}

/** Text as the bytes that it came in; anything else as JSON. */
function readBody(wire: Wire, end: number): Uint8Array {
  const { at } = wire
  if (wire.bytes[at] === ((1 << 3) | BYTES)) {
    wire.at = at + 1
    if (readLength(wire) === end) return wire.bytes.subarray(wire.at, end)
    wire.at = at
  }
  const value = readAnyValue(wire, end)
  return value === null ? nothing : Buffer.from(textOfValue(value))
}

/** Ids of another length than they have are not given. */
function hexOf(wire: Wire, end: number, bytes: number): string {
  return end - wire.at === bytes ? Buffer.from(wire.bytes.subarray(wire.at, end)).toString('hex') : ''
}
