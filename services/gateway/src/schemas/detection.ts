import { expressionLimits } from '@driftline/proto/expressions/index'
import { z } from 'zod'
import { isoTime, severity } from './common.ts'

const share = z.number().min(0).max(1)
const word = z.string().trim().min(1).max(255)
const DAY_S = 86_400

export const threshold = z
  .object({
    metric: word.describe('KPI such as `memory`, or a metric'),
    above: z.number().optional(),
    below: z.number().optional(),
    forSeconds: z.number().min(0).max(DAY_S).default(0).describe('How long it must last'),
    severity: severity.default('warning'),
  })
  .strict()
  .refine((each) => each.above !== undefined || each.below !== undefined, { message: 'must have above or below' })
  .meta({ id: 'Threshold' })

export const expressionRule = z
  .object({
    name: word,
    expression: z
      .string()
      .min(1)
      .max(expressionLimits.length)
      .describe('Condition that must not become true, such as `rate(temperature, 1m) > 5`'),
    severity: severity.default('warning'),
  })
  .strict()
  .meta({ id: 'ExpressionRule' })

/** What people set about the detection of a process; what is left out is as the installation has it. */
export const detectionSettings = z
  .object({
    enabled: z.boolean().optional().describe('False: nothing of this process is judged'),
    disabledTypes: z.array(word).max(100).default([]).describe('Types of anomaly that are not looked for'),
    degradationShare: z.number().positive().max(100).optional().describe('Share above normal: 0.2 is 20 %'),
    errorSpikeMultiple: z.number().positive().max(1e6).optional().describe('Multiple of normal'),
    exhaustionShare: share.optional().describe('Share of the limit'),
    sensitivity: share.optional().describe('How readily detectors alarm'),
    thresholds: z.array(threshold).max(100).default([]),
    expressions: z.array(expressionRule).max(50).default([]),
  })
  .strict()
  .meta({ id: 'DetectionSettings' })
export type DetectionSettingsBody = z.infer<typeof detectionSettings>

export const detectionAnswer = z
  .object({
    processId: z.string(),
    settings: detectionSettings.describe('Empty when all is as the installation has it'),
    version: z.number().int().describe('0 when nothing was ever set'),
    effectiveAt: isoTime.nullable().describe('Event time from which it holds'),
    published: z.boolean().describe('Whether the detectors were told; they will be as soon as the bus is reached'),
    updatedAt: isoTime.nullable(),
    updatedBy: z.string().nullable().describe('Name of the user or key'),
  })
  .meta({ id: 'Detection' })

export const channelItem = z
  .object({
    name: z.string(),
    channel: z.string().describe('Such as `webhook` or `email`'),
    recipients: z.array(z.string()).describe('Where it goes'),
    secret: z
      .string()
      .nullable()
      .describe('What a webhook signs with, when it was made here; null for one of the configuration, or for none'),
  })
  .meta({ id: 'Channel' })
export const channelList = z.object({ items: z.array(channelItem) }).meta({ id: 'ChannelList' })
