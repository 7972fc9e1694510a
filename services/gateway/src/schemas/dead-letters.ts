import { z } from 'zod'
import { isoTime, listOf, pageQuery, queryFlag, queryTime } from './common.ts'

export const replayResult = z
  .object({
    state: z.enum(['pending', 'accepted', 'refused', 'failed']).describe('`failed`: nobody answered; try again'),
    reason: z.string().describe('Why it was refused again, or failed; empty otherwise'),
    detail: z.string(),
    samples: z.number().int().describe('What it became'),
    rows: z.number().int(),
    at: isoTime,
  })
  .meta({ id: 'ReplayResult' })
export type ReplayResult = z.infer<typeof replayResult>

export const deadLetterItem = z
  .object({
    id: z.string().describe('Empty where the producer gave none: such a letter can be listed only'),
    time: isoTime,
    service: z.string().describe('That refused it'),
    source: z.string().describe('Id of the source, or of the agent'),
    sourceName: z.string().nullable().describe('Name of that source; null where it is not known'),
    subject: z.string().describe('Where in its source it came from: topic, path of a file, path of a request'),
    reason: z.string().describe('Stable snake_case word'),
    detail: z.string(),
    topic: z.string(),
    partition: z.number().int(),
    offset: z.number(),
    payloadSize: z.number().describe('Bytes'),
    payload: z.string().describe('Its first 256 bytes, base64; the letter itself has up to 16,384'),
    preview: z.string().describe('Those bytes as text; what is none is U+FFFD'),
    replayable: z.boolean().describe('Whether its service can take it in again'),
    replay: replayResult.nullable().describe('What became of it when it was last replayed'),
  })
  .meta({ id: 'DeadLetterItem' })
export type DeadLetterItem = z.infer<typeof deadLetterItem>

export const deadLetterDetail = deadLetterItem
  .extend({
    payload: z.string().describe('Its first 16,384 bytes, base64'),
    text: z.string().nullable().describe('Those bytes as text; null when they are not UTF-8'),
    hex: z.string().describe('The first 512 bytes, hexadecimal'),
  })
  .meta({ id: 'DeadLetter' })

/** What a letter must be to count. */
const filter = {
  reason: z.string().max(100).optional(),
  service: z.string().max(100).optional(),
  source: z.string().max(200).optional(),
  subject: z.string().max(1024).optional().describe('All of it'),
  q: z.string().max(200).optional().describe('Text that subject, detail or payload must have, in any case'),
  replayable: queryFlag.optional(),
}
export const deadLetterFilter = pageQuery.extend({
  ...filter,
  from: queryTime.optional(),
  to: queryTime.optional(),
})

export const deadLetterList = listOf(deadLetterItem).meta({ id: 'DeadLetterList' })

const counted = z.object({
  reason: z.string(),
  service: z.string(),
  source: z.string(),
  sourceName: z.string().nullable(),
  count: z.number().int(),
  last: isoTime,
  detail: z.string().describe('Of the last one'),
  subject: z.string().describe('Of the last one'),
  replayable: z.number().int().describe('How many can be replayed'),
  counts: z.array(z.number().int()).describe('One number for each hour, oldest first'),
})

export const deadLetterSummary = z
  .object({
    from: isoTime,
    to: isoTime,
    total: z.number().int().describe('Of the last 24 hours'),
    items: z.array(counted).describe('By reason, service and source, most frequent first; at most 200'),
  })
  .meta({ id: 'DeadLetterSummary' })

export const letterReplay = z.object({ id: z.string(), replay: replayResult }).meta({ id: 'LetterReplay' })

export const deadLetterParam = z.object({ id: z.string().min(1).max(200) })

export const replayBody = z
  .object({
    filter: z
      .object({
        reason: filter.reason,
        service: filter.service,
        source: filter.source,
        subject: filter.subject,
        q: filter.q,
        from: z.iso.datetime({ offset: true }).optional(),
        to: z.iso.datetime({ offset: true }).optional(),
      })
      .strict(),
    limit: z.number().int().min(1).max(1000).default(1000).describe('Newest first'),
  })
  .strict()
  .meta({ id: 'ReplayBody' })

export const replayAnswer = z
  .object({
    asked: z.number().int().describe('Letters that their services were asked to take in again'),
    skipped: z.number().int().describe('Letters that match and cannot be replayed, or wait for an answer already'),
    more: z.boolean().describe('Whether more match than were asked for'),
    results: z.array(letterReplay).describe('What is known so far; `GET /dead-letters` has the results as they come'),
  })
  .meta({ id: 'ReplayAnswer' })
