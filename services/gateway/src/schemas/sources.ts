import { roles } from '@driftline/ingest/definitions/mqtt'
import { sourceKinds } from '@driftline/ingest/definitions/source'
import { z } from 'zod'
import { isoTime, listOf, maybe, pageQuery, queryFlag } from './common.ts'

export const sourceKind = z.enum(sourceKinds)

export const sourceItemKind = z
  .enum(['agent', ...sourceKinds, 'mqtt-topic'])
  .describe('`agent`: a host agent; `mqtt-topic`: a topic that was heard and that no mapping takes')

export const sourceStatus = z
  .enum(['ok', 'waiting', 'connecting', 'silent', 'failed', 'stopped', 'unmapped'])
  .describe(
    '`waiting`: ready, nothing has come yet; `silent`: nothing came for as long as its definition says; `stopped`: switched off, or nobody reads it; `unmapped`: of topics',
  )

const refusedLine = z.object({
  reason: z.string(),
  count: z.number().int(),
  last: isoTime,
  detail: z.string().describe('Of the last one'),
  subject: z.string().describe('Of the last one: topic, path, address'),
})

/** One source as the list shows it; what a kind does not have is null, 0 or empty. */
export const sourceItem = z
  .object({
    source: z.string().describe('Stable id; of a topic `<id of its source>/<topic>`'),
    kind: sourceItemKind,
    name: z.string().describe('Host of an agent, the topic itself, else the name that people gave'),
    status: sourceStatus,
    message: z.string().describe('What is wrong, and what to do; empty when all is well'),
    active: z.boolean(),
    about: z.array(z.string()).describe('Short facts, such as `MQTT 5`, `TLS`, `41 topics`'),
    version: z.string().nullable().describe('Of the software of an agent'),
    eventsPerSecond: z.number().describe('Messages, lines or requests'),
    samplesPerSecond: z.number(),
    bytesPerSecond: z.number(),
    lastEvent: isoTime.nullable().describe('Time of the newest data; null when none has come'),
    lagSeconds: maybe.describe('From the time of the newest data to durable'),
    missedBatches: z.number().int().describe('Of an agent: numbered, and not seen live'),
    series: z.number().int(),
    refused: z.number().int().describe('Since its service started'),
    lastRefusal: refusedLine.nullable(),
    filtered: z.number().int().describe('Left out on purpose since its service started'),
    unmapped: z.number().int().describe('Topics that no mapping takes'),
    limitExceeded: z
      .string()
      .nullable()
      .describe('Who exceeded the limit of series, in words: metric, and attribute with the most values'),
    processId: z.string().nullable().describe('Of logs: the process that its lines are of'),
    relatedProcess: z.string().nullable().describe('Of logs: the process that they belong to'),
    managedBy: z.enum(['agent', 'user', 'file', 'system']).describe('`file`: driftline.yaml; `system`: made by itself'),
    topic: z
      .object({
        source: z.string().describe('Id of the source that hears it'),
        sourceName: z.string(),
        payload: z.string().describe('`json`, `number`, `csv`, `sparkplug`, `text` or `binary`'),
        example: z.string().describe('First bytes of the last message, as text'),
        proposal: z
          .unknown()
          .describe('A mapping of the shape of MqttMapping that would take it; null when none can be made'),
      })
      .nullable()
      .describe('Of kind `mqtt-topic`'),
  })
  .meta({ id: 'SourceItem' })
export type SourceItem = z.infer<typeof sourceItem>

export const sourceFilter = pageQuery.extend({
  kind: sourceItemKind.optional(),
  status: sourceStatus.optional(),
  active: queryFlag.optional(),
  q: z.string().max(200).optional().describe('Words that all must occur in id, name or message'),
})

const part = z.object({
  name: z.string(),
  perSecond: z.number(),
  last: isoTime.nullable(),
  detail: z.string(),
  failed: z.boolean(),
})

/** How it is doing at one instance of the service that reads it. */
export const sourceInstance = z
  .object({
    instance: z.string(),
    service: z.string(),
    state: z.enum(['connecting', 'waiting', 'receiving', 'failed', 'stopped']),
    message: z.string(),
    since: isoTime,
    updatedAt: isoTime,
    stale: z.boolean().describe('Not heard of for 15 s: that instance is gone, or cannot reach the store'),
    about: z.array(z.string()),
    eventsPerSecond: z.number(),
    samplesPerSecond: z.number(),
    bytesPerSecond: z.number(),
    events: z.number().describe('Since the service started, like all sums here'),
    samples: z.number(),
    rows: z.number().describe('Lines of logs'),
    bytes: z.number(),
    lastEvent: isoTime.nullable(),
    lagSeconds: maybe,
    refused: z.array(refusedLine).describe('By reason, most often first; at most 20'),
    filtered: z.array(z.object({ reason: z.string(), count: z.number().int() })),
    series: z.number().int(),
    unmapped: z
      .array(
        z.object({
          topic: z.string(),
          perSecond: z.number(),
          last: isoTime,
          payload: z.string(),
          example: z.string(),
          proposal: z.unknown(),
        }),
      )
      .describe('Busiest first, at most 200'),
    unmappedTotal: z.number().int(),
    parts: z.array(part).describe('Files, or topics that are mapped; at most 200'),
  })
  .meta({ id: 'SourceInstance' })
export type SourceInstance = z.infer<typeof sourceInstance>

export const sourceDetail = sourceItem
  .extend({
    definition: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe(
        'Of the shape of its kind: MqttDefinition, FileDefinition, SyslogDefinition, PushDefinition; null for an agent',
      ),
    definitionProblems: z
      .array(z.object({ parameter: z.string(), reason: z.string() }))
      .describe('What a definition that no longer fits lacks; such a source is not read'),
    secretsSet: z.array(z.string()).describe('Names of the secrets that are set; their values are never answered'),
    revision: z.number().int().describe('Give it back when changing the source; 0 for an agent'),
    createdAt: isoTime.nullable(),
    updatedAt: isoTime.nullable(),
    updatedBy: z.string().nullable().describe('Name of the user or key'),
    instances: z.array(sourceInstance),
    deadLetters24h: maybe.describe('Of this source; null when the store does not answer'),
  })
  .meta({ id: 'SourceDetail' })
export type SourceDetail = z.infer<typeof sourceDetail>

export const sourceList = listOf(sourceItem).meta({ id: 'SourceList' })
export const sourceParam = z.object({ id: z.string().min(1).max(200) })

const name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}]*$/u, 'must not hold control characters')

/** Secrets are only ever written: a text sets one, null takes it away, what is left out stays as it is. */
const writtenSecrets = z.record(z.string().max(100), z.string().max(65_536).nullable()).optional()

/** Checked against the shape of its kind; a refusal names the path in it, such as `definition.mappings.0.topic`. */
const writtenDefinition = z.record(z.string(), z.unknown())

export const sourceCreate = z
  .object({
    kind: sourceKind,
    name,
    active: z.boolean().default(true),
    definition: writtenDefinition,
    secrets: writtenSecrets,
  })
  .strict()
  .meta({ id: 'SourceCreate' })

export const sourceChange = z
  .object({
    name,
    active: z.boolean(),
    definition: writtenDefinition,
    secrets: writtenSecrets,
    revision: z.number().int().describe('That the change was made from; another answers 409'),
  })
  .strict()
  .meta({ id: 'SourceChange' })

export const sourcePatch = z.object({ active: z.boolean() }).strict().meta({ id: 'SourcePatch' })

export const mappingBody = z
  .object({
    topic: z.string().min(1).max(1024).describe('A topic that was discovered'),
    mapping: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Of the shape of MqttMapping; what was proposed for the topic without it'),
  })
  .strict()
  .meta({ id: 'MappingBody' })

export const previewAsk = z
  .object({
    kind: sourceKind,
    source: z
      .string()
      .max(200)
      .optional()
      .describe('Id of the source that is edited; its secrets count where none are given'),
    definition: writtenDefinition,
    secrets: writtenSecrets,
  })
  .strict()
  .meta({ id: 'PreviewAsk' })

const detectedFormat = z
  .object({
    format: z.string(),
    confidence: z.number().describe('Share of the lines that it reads, 0 to 1'),
    reason: z.string(),
    fields: z.array(
      z.object({
        name: z.string(),
        example: z.string(),
        looksLike: z.enum(['time', 'level', 'duration', 'amount', 'size', 'status', 'number', 'text']),
        unit: z.string(),
      }),
    ),
  })
  .meta({ id: 'DetectedFormat' })

const previewItem = z
  .object({
    time: isoTime,
    subject: z.string().describe('Topic, path of a file, address'),
    payload: z.string().describe('Its first 4,096 bytes as text'),
    marks: z
      .array(z.object({ from: z.number().int(), to: z.number().int() }))
      .describe('Parts of `payload` that became something, in UTF-16 units'),
    produced: z.array(
      z.object({
        process: z.string(),
        metric: z.string(),
        attributes: z.record(z.string(), z.string()),
        unit: z.string(),
        role: z.enum(roles),
        value: maybe,
      }),
    ),
    fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullable(),
    refusals: z.array(z.object({ reason: z.string(), at: z.string(), detail: z.string() })),
    flagged: z.array(z.string()).describe('Rules that would flag it'),
  })
  .meta({ id: 'PreviewItem' })

/** A preview, and what channel `preview:<id>` sends: its snapshot, and its changes, whole each time. */
export const preview = z
  .object({
    id: z.string(),
    expiresAt: isoTime.describe('Asking again, or following its channel, renews it'),
    state: z
      .enum(['asked', 'connecting', 'waiting', 'receiving', 'failed', 'ended'])
      .describe('`asked`: the service has not answered yet; `ended`: cancelled, or not renewed'),
    message: z.string(),
    perSecond: z.number(),
    items: z.array(previewItem).describe('Newest first, at most 20'),
    unmapped: z.array(z.object({ topic: z.string(), perSecond: z.number() })),
    detected: detectedFormat.nullable(),
  })
  .meta({ id: 'Preview' })
export type Preview = z.infer<typeof preview>
