import { z } from 'zod'

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A duration such as `500ms`, `1s`, `30d`, read as whole milliseconds. A bare number is refused: it has no unit. */
export const durationMs = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  // Times are compared as integers: 1.1 h would be 3,960,000.0000000005 ms.
  if (match) return Math.round(Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS])
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 500ms, 1s, 5m, 48h or 30d` })
  return z.NEVER
})

/** A share such as `20%` or `0.2`, read as 0.2. */
export const share = z.union([z.string(), z.number()]).transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(String(value))
  const parsed = match ? Number(match[1]) / 100 : value === '' ? Number.NaN : Number(value)
  if (Number.isFinite(parsed) && parsed >= 0 && parsed <= 1) return parsed
  context.addIssue({ code: 'custom', message: `"${value}" is not a share such as 20% or 0.2` })
  return z.NEVER
})

/** `true` and `false` in the file; the same words, `1` and `0` in the environment. */
export const flag = z.union([z.boolean(), z.stringbool()])

/** A whole number between two bounds. Refusals quote what was written: the one who wrote it looks for that. */
const whole = (min: number, max: number, what: string) =>
  z.unknown().transform((written, context) => {
    const isText = typeof written === 'string' && written.trim() !== ''
    const value = isText ? Number(written) : written
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    const wrong = isNumber ? `${what} from ${min} to ${max}` : 'a number'
    context.addIssue({ code: 'custom', message: `${JSON.stringify(written)} is not ${wrong}` })
    return z.NEVER
  })

/** A whole number from 1 to `max`. */
export const count = (max: number) => whole(1, max, 'a whole number')

/** A port; 0 asks for a free one. */
export const port = whole(0, 65_535, 'a port')
