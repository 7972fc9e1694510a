import { z } from 'zod'
import { filterDefinition } from './filter.ts'
import { recordRule } from './record-rule.ts'

/** What a value is used as: a KPI of its process, a plain level, or nothing. */
export const roles = ['level', 'executionTime', 'success', 'events', 'ignore'] as const
export type Role = (typeof roles)[number]

const attributes = z.record(z.string().min(1).max(255), z.string().max(1024))

const timeOfEvent = z.strictObject({
  path: z.string().min(1).max(500).optional().describe('Path such as `$.ts`, or name or index of a CSV column'),
  format: z.enum(['auto', 'iso', 's', 'ms', 'us', 'ns']).default('auto'),
})

export const mqttField = z
  .strictObject({
    path: z.string().min(1).max(500).describe('`$.vib.rms`, `$.list[*].value`; name or index of a CSV column'),
    metric: z.string().min(1).max(255),
    unit: z.string().max(63).default(''),
    role: z.enum(roles).default('level'),
    attributes: attributes.optional(),
  })
  .meta({ id: 'MqttField' })

export const mqttMapping = z
  .strictObject({
    topic: z.string().min(1).max(1024).describe('Template: `acme/{site}/press/{machine}/telemetry`, `a/{rest...}`'),
    process: z.string().min(1).max(500).default('device:{site}:{machine}').describe('Process id with placeholders'),
    payload: z.enum(['auto', 'json', 'number', 'csv', 'text', 'sparkplug']).default('auto'),
    time: timeOfEvent.optional(),
    metric: z.string().max(255).optional().describe('Of a payload that is one number; may hold placeholders'),
    unit: z.string().max(63).default(''),
    role: z.enum(roles).default('level'),
    fields: z.array(mqttField).max(200).optional().describe('Without it every number is a metric named by its path'),
    attributes: attributes.optional().describe('Of every sample; values may be placeholders'),
    csv: z
      .strictObject({
        header: z.boolean().default(false),
        columns: z.array(z.string().max(255)).max(200).optional(),
        delimiter: z.string().length(1).default(','),
      })
      .optional(),
    rules: z.array(recordRule).max(20).optional().describe('Each message is a record to these rules'),
    keepRecords: z.boolean().default(false).describe('Messages are stored as searchable lines, too'),
  })
  .meta({ id: 'MqttMapping' })

/** A broker and what its topics mean. `broker.url` is `embedded` for the built-in one. */
export const mqttDefinition = z
  .strictObject({
    broker: z.strictObject({
      url: z
        .string()
        .max(1024)
        .regex(/^(embedded|mqtts?:\/\/[^\s/@]+(:\d+)?\/?)$/, 'must be mqtt://host:port, mqtts://host:port or embedded')
        // A port above 65535 passes the pattern and is no address.
        .refine((url) => url === 'embedded' || URL.canParse(url), 'is no address: check the name and the port'),
      protocol: z.enum(['5', '3.1.1']).default('5'),
      clientId: z.string().max(128).optional().describe('Stable name of the session; made from the source without it'),
      username: z.string().max(1024).optional(),
      authority: z.string().max(65_536).optional().describe('PEM of the authority that signed the broker'),
      certificate: z.string().max(65_536).optional().describe('PEM of our own certificate'),
      serverName: z.string().max(253).optional(),
      sessionExpirySeconds: z.number().int().min(0).max(4_294_967_295).default(86_400),
    }),
    mappings: z.array(mqttMapping).max(500).default([]),
    discover: z
      .array(z.string().min(1).max(1024))
      .max(20)
      .default(['#'])
      .describe('Filters whose unmapped topics are listed'),
    sparkplug: z
      .strictObject({
        groups: z.array(z.string().min(1).max(255)).max(100).default([]),
        hostId: z.string().max(255).optional(),
      })
      .optional()
      .describe('Sparkplug B: groups to follow (all when empty); with `hostId` we are the primary host'),
    silentAfterSeconds: z.number().int().min(5).max(604_800).default(300),
    filter: filterDefinition.optional(),
  })
  .meta({ id: 'MqttDefinition' })

/** What is sealed of it. */
export const mqttSecrets = z.strictObject({
  password: z.string().max(4096).optional(),
  privateKey: z.string().max(65_536).optional().describe('PEM of the key of our own certificate'),
})

export type MqttDefinition = z.infer<typeof mqttDefinition>
export type MqttMapping = z.infer<typeof mqttMapping>
export type MqttField = z.infer<typeof mqttField>
export type MqttSecrets = z.infer<typeof mqttSecrets>
