import { z } from 'zod'
import { filterDefinition } from './filter.ts'
import { recordRule } from './record-rule.ts'

export const pushDoors = ['samples', 'records', 'otlp', 'remote-write'] as const
export type PushDoor = (typeof pushDoors)[number]

/** What is done with what a key sends through a door. Sources of this kind appear by themselves when data comes. */
export const pushDefinition = z
  .strictObject({
    door: z.enum(pushDoors),
    /** Id of the API key that sends. */
    key: z.string().min(1).max(64),
    /** Metrics that are KPIs of their process; what the semantic conventions say holds without it. */
    kpis: z
      .strictObject({
        executionTime: z.string().max(255).optional().describe('Metric: a duration'),
        events: z.string().max(255).optional().describe('Metric: what was counted'),
        failedEvents: z.string().max(255).optional().describe('Metric: what was counted and failed'),
      })
      .optional(),
    rules: z.array(recordRule).max(20).default([]),
    filter: filterDefinition.optional(),
  })
  .meta({ id: 'PushDefinition' })

export type PushDefinition = z.infer<typeof pushDefinition>
