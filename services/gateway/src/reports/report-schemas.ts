import { z } from 'zod'
import { kpiName } from '../schemas/analytics.ts'
import { isoTime, maybe, queryTime, severity } from '../schemas/common.ts'

/** Named by the path: `/api/v1/reports/completion.pdf`. */
export const reportNames = ['completion', 'performance'] as const
export type ReportName = (typeof reportNames)[number]
export const reportFormats = ['pdf', 'csv', 'json'] as const
export type ReportFormat = (typeof reportFormats)[number]

/** Processes that one report holds; what is beyond is left out, and said. */
export const PROCESSES_MAX = 100

export const timeZone = z
  .string()
  .min(1)
  .max(100)
  .refine(isTimeZone, 'must be a time zone such as Asia/Kolkata')
  .describe('IANA name; days begin at its midnight')

export const locale = z
  .string()
  .min(2)
  .max(35)
  .refine(isLocale, 'must be a locale such as en-IN')
  .describe('BCP 47; numbers and dates are written as it does. The words are English')

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

function isLocale(name: string): boolean {
  try {
    return Intl.getCanonicalLocales(name).length === 1
  } catch {
    return false
  }
}

const processId = z.string().min(1).max(1024)

export const reportQuery = z.object({
  process: z
    .union([processId, z.array(processId).max(PROCESSES_MAX)])
    .transform((given) => [...new Set(typeof given === 'string' ? [given] : given)])
    .optional()
    .describe('Process id, may be repeated; without it all that the report is about, at most 100'),
  from: queryTime.optional().describe('ISO 8601 or milliseconds; seven days before `to` when missing'),
  to: queryTime.optional().describe('ISO 8601 or milliseconds; now when missing'),
  tz: timeZone.default('UTC'),
  locale: locale.default('en-GB'),
})

const count = z.number().int().min(0)
const duration = maybe.describe('Milliseconds; null without a run that counts')

const outcome = {
  runs: count.describe('That began in the period and ended'),
  succeeded: count,
  failed: count,
  timeout: count,
  cancelled: count,
  interrupted: count,
  successRate: maybe.describe('0 to 1, of those that succeeded, failed or timed out; null without any'),
  medianTime: duration,
  p95Time: duration,
}

const period = z.object({ from: isoTime, to: isoTime, timeZone: z.string() })

const shared = {
  generatedAt: isoTime,
  period,
  finding: z.string().describe('What there is to know, in one sentence'),
  processesLeftOut: count.describe('Processes beyond the 100 that one report holds'),
}

const step = z.object({
  stepNumber: z.number().int(),
  key: z.string(),
  name: z.string(),
  ...outcome,
  medianTime: maybe.describe('Milliseconds, of successes'),
  p95Time: maybe.describe('Milliseconds, of successes'),
})

const failure = z.object({
  stepNumber: z.number().int().describe('0 when the run failed outside of a step'),
  stepName: z.string(),
  status: z.string().describe('`failed`, `timeout` or `interrupted`'),
  reason: z.string().describe('Stable word, such as `connection_refused`'),
  message: z.string().describe('The newest of this reason'),
  count,
  firstTime: isoTime,
  lastTime: isoTime,
})

const flowCompletion = z.object({
  processId: z.string(),
  name: z.string(),
  category: z.string(),
  ...outcome,
  longestFailureStreak: z
    .object({ runs: count, from: isoTime, to: isoTime })
    .nullable()
    .describe('Runs that failed or timed out one after the other; `from` and `to` are their starts'),
  days: z.array(z.object({ day: z.iso.date(), ...outcome })).describe('Days of the time zone that had runs, in order'),
  steps: z.array(step).describe('In order'),
  failures: z.array(failure).describe('Most frequent first, at most 20'),
  failuresLeftOut: count.describe('Kinds of failures beyond those'),
})
export type FlowCompletion = z.infer<typeof flowCompletion>

export const completionReport = z
  .object({
    report: z.literal('completion'),
    ...shared,
    totals: z.object(outcome),
    flows: z.array(flowCompletion).describe('Lowest success rate first'),
  })
  .meta({ id: 'CompletionReport' })
export type CompletionReport = z.infer<typeof completionReport>

const kpiFigures = z.object({
  average: maybe,
  minimum: maybe,
  maximum: maybe,
  current: maybe.describe('Mean over the last quarter of the period'),
  changePerHour: maybe,
  trend: z.enum(['rising', 'falling', 'steady']).nullable(),
  baseline: z.object({ centre: maybe, spread: maybe }).describe('What was usual at the end of the period'),
})
export type KpiFigures = z.infer<typeof kpiFigures>

const processPerformance = z.object({
  processId: z.string(),
  kind: z.string(),
  kpis: z.record(kpiName, kpiFigures).describe('executionTime in milliseconds, throughput per second, others 0 to 1'),
  points: z
    .array(z.object({ time: isoTime, values: z.record(kpiName, maybe) }))
    .describe('Means of equal parts of the period, oldest first, at most 200'),
  drift: z
    .array(z.object({ time: isoTime, score: z.number() }))
    .describe('The largest deviation of each part of the period, in σ, signed; at most 200'),
  anomalies: z.object({
    count,
    open: count,
    openTime: z.number().describe('Milliseconds within the period that at least the anomaly was open, added up'),
    byType: z.array(
      z.object({
        type: z.string(),
        count,
        open: count,
        openTime: z.number(),
        severity: severity.describe('The worst'),
      }),
    ),
    longest: z
      .array(
        z.object({
          id: z.string(),
          type: z.string(),
          severity,
          startTime: isoTime,
          endTime: isoTime.nullable(),
          openTime: z.number(),
          description: z.string(),
        }),
      )
      .describe('At most 10'),
  }),
})
export type ProcessPerformance = z.infer<typeof processPerformance>

export const performanceReport = z
  .object({
    report: z.literal('performance'),
    ...shared,
    processes: z.array(processPerformance).describe('Longest open anomalies first'),
  })
  .meta({ id: 'PerformanceReport' })
export type PerformanceReport = z.infer<typeof performanceReport>

export type Report = CompletionReport | PerformanceReport
