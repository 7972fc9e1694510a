import { z } from 'zod'

/** A moment as ISO 8601 in UTC with milliseconds, such as `2026-05-04T08:00:00.000Z`. */
export const isoTime = z.iso.datetime().describe('ISO 8601, UTC, with milliseconds')

/** A number that may be unknown: no data is null, never 0. */
export const maybe = z.number().nullable()

/** A page of a list. `nextCursor` is null on the last page; else it is given back as `cursor`. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Give it back as `cursor` for the next page; null on the last page'),
  })

/** An error as RFC 9457 describes it, sent as `application/problem+json`. */
export const problem = z
  .object({
    type: z.string().describe('A URI reference that names the kind of problem: `/problems/<code>`'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().optional().describe('What went wrong this time and, where it can be known, what to do next'),
    instance: z.string().optional().describe('Path of the request'),
    code: z.string().describe('Stable snake_case word for programs'),
    requestId: z.string().optional(),
    errors: z
      .array(
        z.object({
          parameter: z.string(),
          reason: z.string(),
          offset: z.number().int().optional().describe('Of a text in a language: where it is wrong, in UTF-16 units'),
          length: z.number().int().optional(),
        }),
      )
      .optional()
      .describe('Every parameter or field that was refused'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' })
export type Problem = z.infer<typeof problem>

/** `limit` and `cursor` of every list. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Items per page'),
  cursor: z.string().max(512).optional().describe('`nextCursor` of the page before'),
})

const boolean = z.enum(['true', 'false'])

/** A flag in a query string. */
export const queryFlag = boolean.transform((text) => text === 'true')

/**
 * A moment in a query string: ISO 8601 with its zone, a date alone (midnight UTC), or milliseconds since the Unix epoch.
 * Read as milliseconds. A time without a zone is refused: it would mean the zone of this server.
 */
export const queryTime = z
  .string()
  .max(40)
  .transform((text, context) => {
    const atMs = /^\d{1,16}$/.test(text) ? Number(text) : isoToMs(text)
    if (atMs >= 0 && atMs <= MAX_TIME_MS) return atMs
    const message = ZONELESS.test(text)
      ? 'must say its zone, such as 2026-01-01T00:00Z or 2026-01-01T00:00+02:00'
      : 'must be an ISO 8601 time with its zone, or milliseconds since 1970'
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

/** The last moment that the analytics store can hold: 2299-12-31. */
const MAX_TIME_MS = Date.UTC(2299, 11, 31)

function isoToMs(text: string): number {
  return ISO.test(text) ? Date.parse(text) : Number.NaN
}

const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/
const ZONELESS = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$/

const STEP_UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A step such as `500ms`, `10s`, `1m`, `1h`; a bare number is seconds, as in Prometheus. Read as milliseconds. */
export const queryStep = z
  .string()
  .max(20)
  .transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text)
    const stepMs = match ? Number(match[1]) * (STEP_UNITS_MS[match[2] ?? 's'] ?? 0) : 0
    if (stepMs >= 100 && stepMs <= 366 * 86_400_000) return Math.round(stepMs)
    context.addIssue({ code: 'custom', message: 'must be a duration of at least 100ms, such as 10s, 1m or 1h' })
    return z.NEVER
  })

export const processIdParam = z.object({
  id: z.string().min(1).max(1024).describe('Process id such as `os:web-1:nginx`, percent-encoded'),
})
export const hostParam = z.object({ host: z.string().min(1).max(253).describe('Host name') })

export const tag = z.string().trim().min(1).max(64)

export const severity = z.enum(['info', 'warning', 'critical'])
