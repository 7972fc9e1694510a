import { z } from 'zod'
import { type CheckTypeName, checkTypeAliases, checkTypeNames, checkTypes } from './types/check-types.ts'

const STEPS_MAX = 100

const key = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a word in lower case, such as `login`')
  .describe('Name that later steps take values by; made from the step’s name without it')

const checkType = z
  .enum([...checkTypeNames, ...(Object.keys(checkTypeAliases) as string[])] as [string, ...string[]])
  .transform((name) => checkTypeAliases[name] ?? (name as CheckTypeName))

/** A step as people write it. Its configuration is validated by its type: `readFlow`. */
export const stepDefinition = z
  .strictObject({
    stepName: z.string().trim().min(1).max(200),
    key: key.optional(),
    description: z.string().max(2000).default(''),
    checkType,
    checkConfiguration: z.record(z.string(), z.unknown()),
    timeoutSeconds: z.number().min(0.1).max(3600).optional().describe('Of one attempt; by its type without it'),
    retryCount: z
      .number()
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe(
        'Attempts after the first. Without it: 3 when the target could not be asked, none when it answered wrong',
      ),
    retryDelaySeconds: z.number().min(0).max(600).default(0.5).describe('Doubled with each retry'),
  })
  .meta({ id: 'FlowStep' })
export type StepDefinition = z.infer<typeof stepDefinition>

export const flowSchedule = z
  .union([
    z.strictObject({
      cron: z.string().min(9).max(200).describe('Five fields, or six with seconds first'),
      timeZone: z.string().min(1).max(100).default('UTC').describe('IANA name'),
    }),
    z.strictObject({ everySeconds: z.number().int().min(1).max(2_678_400) }),
  ])
  .meta({ id: 'FlowSchedule' })
export type FlowSchedule = z.infer<typeof flowSchedule>

/** A business process as people define it, in the web app, by API, in YAML or in a file. */
export const flowDefinition = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    description: z.string().max(5000).default(''),
    category: z.string().trim().max(100).default(''),
    tags: z.array(z.string().trim().min(1).max(50)).max(50).default([]),
    owner: z.string().trim().max(200).default(''),
    active: z.boolean().default(true).describe('Whether schedules run it; the button always does'),
    schedules: z.array(flowSchedule).max(10).default([]),
    timeoutSeconds: z.number().min(1).max(86_400).default(900).describe('Of a whole run'),
    steps: z.array(stepDefinition).min(1).max(STEPS_MAX),
  })
  .meta({ id: 'FlowDefinition' })
export type FlowDefinition = z.infer<typeof flowDefinition>

/**
 * `flow:` and the name in lower case, other characters made `-`: `flow:invoice-to-cash`. A name of which nothing is
 * left, such as one in another script, gives a number instead, always the same.
 */
export function flowId(name: string): string {
  const slug = name
    .trim()
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `flow:${slug === '' ? numberOf(name.trim()) : slug}`
}

/** 53 bits that two names of an installation will not share, as 14 hexadecimal digits. */
function numberOf(name: string): string {
  let high = 0x811c9dc5
  let low = 0x01000193
  for (const char of name) {
    high = Math.imul(high ^ (char.codePointAt(0) ?? 0), 0x85ebca6b)
    low = Math.imul(low ^ high, 0xc2b2ae35) ^ (high >>> 13)
  }
  return ((high >>> 11) * 2 ** 32 + (low >>> 0)).toString(16).padStart(14, '0')
}

/** Key of a step without one of its own: its name as a word, `step_<number>` when nothing is left of it. */
export function stepKey(step: Pick<StepDefinition, 'key' | 'stepName'>, number: number): string {
  if (step.key !== undefined) return step.key
  const word = step.stepName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 64)
  return /^[a-z]/.test(word) ? word : `step_${number}`
}

const TIMEOUT_SECONDS_MAX = 3600

/** Of one attempt. How long a condition is waited for comes on top of what its type takes by itself. */
export function timeoutSecondsOf({ timeoutSeconds, checkType, checkConfiguration }: StepDefinition): number {
  const { waitSeconds } = checkConfiguration
  const waits = typeof waitSeconds === 'number' && waitSeconds > 0 ? waitSeconds : 0
  return timeoutSeconds ?? Math.min(TIMEOUT_SECONDS_MAX, checkTypes[checkType].timeoutSeconds + waits)
}
