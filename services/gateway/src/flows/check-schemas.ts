import { z } from 'zod'
import { isoTime, listOf, maybe, pageQuery, queryTime } from '../schemas/common.ts'
import { runStatuses, runTriggers } from './run-names.ts'

export const runStatus = z.enum(runStatuses)
export const runTrigger = z.enum(runTriggers)

export const checkParam = z.object({ id: z.string().min(1).max(200).describe('Id of the check') })
export const stepParam = checkParam.extend({ stepNumber: z.coerce.number().int().min(1).max(1000) })

/** A run without its steps, as lists show it. */
export const checkHeader = z
  .object({
    checkId: z.string(),
    processId: z.string(),
    processName: z.string(),
    flowVersion: z.number().int().describe('Version of the definition that it runs by'),
    trigger: runTrigger,
    initiatedBy: z.string().describe('Name of who began it; `schedule` for a schedule'),
    requestedTime: isoTime,
    startTime: isoTime.nullable(),
    endTime: isoTime.nullable(),
    executionTime: maybe.describe('Milliseconds; null until it has ended'),
    overallStatus: runStatus,
    currentStep: z.number().int().describe('1 is the first; 0 before it'),
    stepCount: z.number().int(),
    message: z.string().nullable().describe('Why it did not succeed'),
  })
  .meta({ id: 'CheckHeader' })
export type CheckHeader = z.infer<typeof checkHeader>

const stepAttempt = z.object({
  attempt: z.number().int(),
  status: runStatus,
  startTime: isoTime.nullable(),
  executionTime: maybe,
  reason: z.string(),
  errorMessage: z.string(),
})

export const checkStep = z
  .object({
    stepNumber: z.number().int(),
    key: z.string(),
    name: z.string(),
    checkType: z.string(),
    target: z.string().describe('What is checked, in a few words'),
    status: runStatus,
    attempt: z.number().int(),
    attemptsMax: z.number().int(),
    startTime: isoTime.nullable(),
    endTime: isoTime.nullable(),
    timestamp: isoTime.nullable().describe('When it ended, else when it began'),
    executionTime: maybe.describe('Milliseconds, all attempts and the waits between them; null until it has ended'),
    reason: z.string().nullable().describe('Stable snake_case word, such as `connection_refused`'),
    errorMessage: z.string().nullable(),
    hint: z.string().nullable().describe('What to try next'),
    resultData: z.record(z.string(), z.unknown()).nullable(),
    values: z.array(z.object({ name: z.string(), value: z.string(), secret: z.boolean() })),
    attempts: z.array(stepAttempt),
    hasEvidence: z.boolean().describe('Whether a body or a screenshot is kept for those who may see it'),
  })
  .meta({ id: 'CheckStep' })
export type CheckStep = z.infer<typeof checkStep>

export const checkLine = z
  .object({
    stepNumber: z.number().int().describe('0 for lines of no step'),
    attempt: z.number().int(),
    time: isoTime,
    elapsed: z.number().describe('Milliseconds since the step began'),
    level: z.enum(['info', 'warn', 'error']),
    text: z.string(),
  })
  .meta({ id: 'CheckLine' })
export type CheckLine = z.infer<typeof checkLine>

export const check = checkHeader.extend({ steps: z.array(checkStep), lines: z.array(checkLine) }).meta({ id: 'Check' })
export type Check = z.infer<typeof check>

export const checkList = listOf(checkHeader)

const filterShape = {
  status: z
    .string()
    .max(200)
    .regex(/^[a-z]+(,[a-z]+)*$/, 'must be one or more statuses, separated by commas')
    .transform((text, context) => {
      const names = text.split(',')
      const parsed = z.array(runStatus).safeParse(names)
      if (parsed.success) return parsed.data
      context.addIssue({ code: 'custom', message: `must be of ${runStatuses.join(', ')}` })
      return z.NEVER
    })
    .optional()
    .describe('One or more, separated by commas'),
  trigger: runTrigger.optional(),
  q: z
    .string()
    .max(500)
    .optional()
    .describe(
      'Words that all must occur in message, errors, names, targets, values or who began it; `"a phrase"`, `-not`, `inside*`',
    ),
  from: queryTime.optional().describe('Asked for at or after it'),
  to: queryTime.optional().describe('Asked for before it'),
}

export const checkFilter = pageQuery.extend(filterShape)
export const estateCheckFilter = checkFilter.extend({ process: z.string().max(1024).optional() })
export type CheckFilter = z.infer<typeof estateCheckFilter>

export const started = z.object({ checkId: z.string() }).meta({ id: 'CheckStarted' })
export const cancelling = z.object({ checkId: z.string(), status: z.literal('cancelling') })

export const evidence = z
  .object({
    attempt: z.number().int(),
    kind: z.string().describe('`body` or `screenshot`'),
    mediaType: z.string(),
    text: z.string().optional(),
    base64: z.string().optional(),
  })
  .meta({ id: 'Evidence' })
export const evidenceList = z.array(evidence)

export const compareQuery = z.object({ a: z.string().min(1).max(200), b: z.string().min(1).max(200) })

const comparedStep = z.object({ status: runStatus, executionTime: maybe }).nullable()
export const comparison = z
  .object({
    a: checkHeader,
    b: checkHeader,
    steps: z.array(
      z.object({
        stepNumber: z.number().int(),
        name: z.string(),
        a: comparedStep,
        b: comparedStep,
        differenceMs: maybe.describe('b less a'),
        ratio: maybe.describe('b by a'),
        normal: z.object({ median: maybe, spread: maybe }).nullable().describe('Milliseconds, successes of 7 days'),
      }),
    ),
  })
  .meta({ id: 'CheckComparison' })
export type Comparison = z.infer<typeof comparison>

/** Channel `check:<checkId>`: the check, then what changed of it. */
export const checkChanges = z.object({
  check: checkHeader.partial().optional().describe('Fields that changed'),
  steps: z.array(checkStep).optional().describe('Steps that changed, whole'),
  lines: z.array(checkLine).optional().describe('New lines'),
})
export type CheckChanges = z.infer<typeof checkChanges>
