import { createHash } from 'node:crypto'
import { type FieldOf, flaggedRecord } from '@driftline/ingest/record-rules'
import { namedProcess } from '../named-process.ts'
import { severityOf } from '../otlp/severity.ts'
import type { Refused } from '../point-sink.ts'
import type { PushRequest } from '../push-request.ts'
import { parseObject, readTime } from './item.ts'

const ATTRIBUTES_MAX = 256
/** Whoever reads the record afterwards goes down as deep. */
const DEPTH_MAX = 32

/** A business record or a line of a log, as the records door takes it. */
interface RecordItem {
  readonly process: string
  readonly timeMs: number | null
  readonly severity: number
  readonly body: string
  readonly attributes: Record<string, unknown>
}

const refuse = (reason: string, detail: string): Refused => ({ reason, detail })

/** Takes one `{process, time?, attributes?, body?, severity?}`: a row, and flagged by each rule that is true of it. */
export function takeRecord(request: PushRequest, bytes: Uint8Array, nowMs: number): Refused | null {
  const parsed = parseObject(bytes)
  if ('reason' in parsed) return parsed
  const record = readRecord(parsed.object)
  if ('reason' in record) return record
  const attributes = JSON.stringify(record.attributes)
  const before = request.tally.accepted
  const text = Buffer.from(record.body === '' ? attributes : record.body)
  request.row(record.process, record.timeMs, record.severity, text, record.body === '' ? '' : attributes)
  if (request.tally.accepted > before) judge(request, record, bytes, attributes, nowMs)
  return null
}

function readRecord(item: Record<string, unknown>): RecordItem | Refused {
  const { process, body = '', severity = 0, attributes = {} } = item
  if (typeof process !== 'string' || namedProcess(process) === null) {
    return refuse('process_invalid', 'process is a process id such as log:payments')
  }
  if (body !== null && typeof body !== 'string') return refuse('body_invalid', 'body is a text')
  if (attributes === null || typeof attributes !== 'object' || Array.isArray(attributes)) {
    return refuse('attributes_invalid', 'attributes are an object')
  }
  if (Object.keys(attributes).length > ATTRIBUTES_MAX) {
    return refuse('attributes_invalid', `a record has at most ${ATTRIBUTES_MAX} attributes`)
  }
  if (isDeeper(attributes, DEPTH_MAX)) {
    return refuse('attributes_invalid', `attributes are nested in more than ${DEPTH_MAX} levels`)
  }
  const level = readSeverity(severity)
  if (level === null) return refuse('severity_invalid', 'severity is 1 to 24, or a word such as error')
  const timeMs = readTime(item['time'])
  if (typeof timeMs === 'object' && timeMs !== null) return timeMs
  return { process, timeMs, severity: level, body: body ?? '', attributes: attributes as Record<string, unknown> }
}

function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true
  for (const child of Object.values(value) as unknown[]) {
    if (typeof child === 'object' && child !== null && isDeeper(child, levels - 1)) return true
  }
  return false
}

function readSeverity(given: unknown): number | null {
  if (given === null) return 0
  if (typeof given === 'number') return Number.isInteger(given) && given >= 0 && given <= 24 ? given : null
  if (typeof given !== 'string') return null
  if (given === '') return 0
  const known = severityOf(given)
  return known === 0 ? null : known
}

function judge(request: PushRequest, item: RecordItem, bytes: Uint8Array, attributes: string, nowMs: number): void {
  const { source, flags } = request
  const { rules, definition } = source
  const list = definition?.rules ?? []
  if (list.length === 0) return
  const timeMs = item.timeMs ?? nowMs
  // The same record sent again is the same finding.
  const position = `${item.timeMs ?? nowMs} ${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}`
  for (const index of rules.judge(fieldOf(item), item.process)) {
    const rule = list[index]!
    const { tenant, id } = source
    const input = {
      tenant,
      source: id,
      process: item.process,
      position,
      timeMs,
      record: attributes,
      reading: rules.reading(index),
    }
    if (flags.admit(rule, input)) request.flag(flaggedRecord(rule, input))
  }
}

/** Attributes by name, or by the path into them; `body` and `severity` where no attribute is called so. */
function fieldOf({ attributes, body, severity }: RecordItem): FieldOf {
  return (name) => {
    if (Object.hasOwn(attributes, name)) return plain(attributes[name])
    if (name === 'body') return body
    if (name === 'severity') return severity
    let value: unknown = attributes
    for (const part of name.split('.')) {
      if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined
      value = (value as Record<string, unknown>)[part]
    }
    return plain(value)
  }
}

function plain(value: unknown): number | string | undefined {
  if (typeof value === 'number' || typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : undefined
}
