import { z } from 'zod'
import type { RatedTemplates } from './rates.ts'
import type { Template } from './templates.ts'
import { hashOfText, TOKENS_MAX } from './tokens.ts'

/** What grouping depends on beside the lines. */
export interface PatternState {
  readonly templates: readonly Template[]
  readonly rated: RatedTemplates
  /** Event time of the first line ever, NaN for none. */
  readonly firstMs: number
  readonly lines: number
}

const id = z.string().regex(/^[0-9a-f]{1,16}$/)
const whole = z.number().int()
/** A template as a row: id, request, words, first seen, severity, hour, learning. */
const row = z.tuple([
  id,
  z.boolean(),
  z.array(z.string().max(4_096)).min(1).max(TOKENS_MAX),
  z.number(),
  z.number().int().min(0).max(24),
  whole,
  z.boolean(),
])
const shape = z.strictObject({
  version: z.literal(1),
  templates: z.array(row).max(10_000),
  rated: z.array(id).max(1_000),
  day: whole,
  admitted: whole,
  firstMs: z.number(),
  lines: z.number(),
})

export function writeState(state: PatternState): string {
  return JSON.stringify({
    version: 1,
    templates: state.templates.map((template) => [
      template.id.toString(16),
      template.request,
      template.words,
      template.firstSeenMs,
      template.severity,
      template.seenHour,
      template.learning,
    ]),
    rated: state.rated.ids.map((one) => one.toString(16)),
    day: state.rated.day,
    admitted: state.rated.admitted,
    firstMs: state.firstMs,
    lines: Math.min(state.lines, 1_000),
  })
}

/** Null for what was not written by `writeState`: then the source is learnt anew. */
export function readState(text: string | null): PatternState | null {
  if (text === null) return null
  let parsed: ReturnType<typeof shape.safeParse>
  try {
    parsed = shape.safeParse(JSON.parse(text))
  } catch {
    return null
  }
  if (!parsed.success) return null
  const { templates, rated, day, admitted, firstMs, lines } = parsed.data
  return {
    templates: templates.map(([one, request, words, firstSeenMs, severity, seenHour, learning]) => ({
      id: BigInt(`0x${one}`),
      request,
      words,
      hashes: words.map((word, index) => hashOfText(word, request && index === words.length - 1)),
      firstSeenMs,
      severity,
      example: '',
      seenHour,
      learning,
      told: true,
      toldOnce: true,
    })),
    rated: { ids: rated.map((one) => BigInt(`0x${one}`)), day, admitted },
    firstMs,
    lines,
  }
}
