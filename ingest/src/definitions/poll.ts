import { checkTypes } from '@driftline/checks/types/check-types'
import { httpCommon } from '@driftline/checks/types/parts'
import { z } from 'zod'
import { filterDefinition } from './filter.ts'
import { recordRule } from './record-rule.ts'

/** What answers in the text format of Prometheus or OpenMetrics. */
export const scrapeConfig = z
  .strictObject({
    ...httpCommon,
    keep: z
      .array(z.string().min(1).max(500))
      .max(100)
      .default([])
      .describe('RE2 of whole metric names; all without it'),
    drop: z.array(z.string().min(1).max(500)).max(100).default([]).describe('RE2 of whole metric names'),
    honourTimes: z.boolean().default(true).describe('Take the times that samples carry'),
  })
  .meta({ id: 'ScrapeConfig' })
export type ScrapeConfig = z.infer<typeof scrapeConfig>

/** Shape of `checkConfiguration` by what is polled: the check types of flows, and scrapes. */
export const pollConfigs = {
  rest: checkTypes.rest.schema,
  graphql: checkTypes.graphql.schema,
  sql: checkTypes.sql.schema,
  file: checkTypes.file.schema,
  prometheus: scrapeConfig,
} as const
export type PollType = keyof typeof pollConfigs

/** In a row: a JSONPath such as `$.total` for JSON, a column for SQL, a fact such as `size` for a file. */
const place = z.string().min(1).max(1000)

/** A number of each row that becomes a sample. */
export const pollMetric = z
  .strictObject({
    metric: z.string().min(1).max(255),
    value: place,
    unit: z.string().max(63).default(''),
    kind: z.enum(['gauge', 'counter']).default('gauge').describe('A counter only rises, until it is reset'),
    scale: z.number().default(1).describe('What the number is multiplied by'),
    attributes: z.record(z.string().min(1).max(255), place).default({}).describe('Attribute and its place in the row'),
  })
  .meta({ id: 'PollMetric' })
export type PollMetric = z.infer<typeof pollMetric>

/** A target that is asked at an interval, and what its answers mean. */
export const pollDefinition = z
  .strictObject({
    everySeconds: z.number().min(1).max(86_400),
    timeoutSeconds: z
      .number()
      .min(0.1)
      .max(300)
      .optional()
      .describe('By its type without it; never beyond the interval'),
    type: z.enum(Object.keys(pollConfigs) as [PollType, ...PollType[]]),
    checkConfiguration: z.record(z.string(), z.unknown()),
    process: z
      .string()
      .max(500)
      .optional()
      .describe('Process id; `{name}` takes an attribute of the row; `service:<name of the source>` without it'),
    rows: place.optional().describe('JSONPath of the rows in a JSON answer; without it the answer is one row'),
    time: place.optional().describe('Place of a row’s time: ISO 8601, or seconds or milliseconds since 1970'),
    metrics: z.array(pollMetric).max(100).default([]),
    rules: z.array(recordRule).max(20).default([]).describe('Rows for which they are true are flagged'),
    filter: filterDefinition.optional(),
  })
  .meta({ id: 'PollDefinition' })
export type PollDefinition = z.infer<typeof pollDefinition>
