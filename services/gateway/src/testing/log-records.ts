import { create, toBinary } from '@bufbuild/protobuf'
import { type LogBatch, LogBatchSchema, LogPatternSchema, routingKey, topics } from '@driftline/proto'
import type { TestRecord } from './records.ts'

export interface TestLine {
  readonly timeMs: number
  readonly body: string
  readonly severity?: number
  readonly attributes?: Record<string, unknown>
  readonly origin?: string
  readonly pattern?: bigint
}

export interface LinesPlace {
  readonly process: string
  readonly tenant?: string
  readonly source?: string
}

let sequence = 0

function headers(message: string, { tenant = 'default', source = 'source-1' }: LinesPlace) {
  const type = 'application/protobuf' as const
  return { 'content-type': type, message, tenant, source, epoch: '1', sequence: String(++sequence) }
}

/** Lines of a process, as a source publishes them. */
export function logRecord(lines: readonly TestLine[], place: LinesPlace): TestRecord {
  const { process, tenant = 'default', source = 'source-1' } = place
  const baseMs = lines[0]?.timeMs ?? 0
  const origins = [...new Set(lines.map(({ origin = '/var/log/a.log' }) => origin))]
  const batch: Omit<LogBatch, '$typeName' | '$unknown'> = {
    tenant,
    process,
    source,
    baseTimeMs: BigInt(baseMs),
    timeOffsetMs: lines.map(({ timeMs }) => timeMs - baseMs),
    severity: lines.map(({ severity = 9 }) => severity),
    body: lines.map(({ body }) => body),
    attributes: lines.map(({ attributes }) => (attributes ? JSON.stringify(attributes) : '')),
    pattern: lines.map(({ pattern = 0n }) => pattern),
    origin: lines.map(({ origin = '/var/log/a.log' }) => origins.indexOf(origin)),
    origins,
  }
  return {
    table: 'logs_in',
    schema: LogBatchSchema,
    record: {
      topic: topics.logs.name,
      key: routingKey(tenant, process),
      headers: headers(LogBatchSchema.typeName, place),
      value: toBinary(LogBatchSchema, create(LogBatchSchema, batch)),
    },
  }
}

export function patternRecord(
  pattern: { id: bigint; template: string; firstSeenMs: number; learning?: boolean; severity?: number },
  place: LinesPlace,
): TestRecord {
  const { process, tenant = 'default' } = place
  const { firstSeenMs, ...rest } = pattern
  const message = create(LogPatternSchema, {
    tenant,
    process,
    example: pattern.template,
    ...rest,
    firstSeenMs: BigInt(firstSeenMs),
  })
  return {
    table: 'log_patterns_in',
    schema: LogPatternSchema,
    record: {
      topic: topics.logPatterns.name,
      key: routingKey(tenant, process),
      headers: headers(LogPatternSchema.typeName, place),
      value: toBinary(LogPatternSchema, message),
    },
  }
}
