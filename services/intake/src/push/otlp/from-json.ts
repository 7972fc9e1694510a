import { type DescMessage, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf'
import { ExportLogsServiceRequestSchema, ExportMetricsServiceRequestSchema } from '@driftline/proto/otlp'
import type { BodyProblem } from '../point-sink.ts'

/**
 * The protobuf of an OTLP request in JSON, so that both encodings mean the same. JSON of OTLP differs from that of
 * protobuf in the ids of traces, which are hexadecimal. The bytes, or why there are none.
 */
export function metricsFromJson(text: string): Uint8Array | NonNullable<BodyProblem> {
  return encode(ExportMetricsServiceRequestSchema, text, () => {})
}

export function logsFromJson(text: string): Uint8Array | NonNullable<BodyProblem> {
  return encode(ExportLogsServiceRequestSchema, text, rewriteIds)
}

function encode(
  schema: DescMessage,
  text: string,
  prepare: (json: JsonValue) => void,
): Uint8Array | NonNullable<BodyProblem> {
  try {
    const json = JSON.parse(text) as JsonValue
    prepare(json)
    return toBinary(schema, fromJson(schema, json, { ignoreUnknownFields: true }))
  } catch (error) {
    // Whatever is thrown here, for want of stack as well, is about the text.
    return { reason: 'body_malformed', detail: (error as Error).message.slice(0, 500) }
  }
}

function rewriteIds(json: JsonValue): void {
  for (const resource of listIn(json, 'resourceLogs')) {
    for (const scope of listIn(resource, 'scopeLogs')) {
      for (const record of listIn(scope, 'logRecords')) {
        rewriteId(record, 'traceId')
        rewriteId(record, 'spanId')
      }
    }
  }
}

function listIn(json: JsonValue, key: string): JsonValue[] {
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return []
  const list = json[key]
  return Array.isArray(list) ? list : []
}

function rewriteId(record: JsonValue, key: string): void {
  if (record === null || typeof record !== 'object' || Array.isArray(record)) return
  const id = record[key]
  if (typeof id === 'string') record[key] = Buffer.from(id, 'hex').toString('base64')
}
