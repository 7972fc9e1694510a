import { z } from 'zod'
import { isoTime, maybe, queryStep, queryTime } from './common.ts'
import { processMetrics } from './processes.ts'

export const rangeQuery = z.object({
  from: queryTime.optional().describe('ISO 8601 or milliseconds; an hour before `to` when missing'),
  to: queryTime.optional().describe('ISO 8601 or milliseconds; now when missing'),
})
export const performanceQuery = rangeQuery.extend({
  step: queryStep
    .optional()
    .describe('Such as `10s`, `1m`; bare numbers are seconds. Chosen from the range when missing'),
})

export const kpiName = z.enum([
  'executionTime',
  'successRate',
  'errorRate',
  'throughput',
  'cpu',
  'memory',
  'io',
  'network',
])
export type KpiName = z.infer<typeof kpiName>

const normal = z.object({ centre: maybe, spread: maybe })

/** `PerformanceMetrics` of the client. */
export const performanceMetrics = z
  .object({
    processId: z.string(),
    from: isoTime,
    to: isoTime,
    step: z.number().describe('Seconds'),
    resolution: z.enum(['1s', '1m']).describe('What the points are made from'),
    points: z.array(processMetrics).describe('One per step that has data, oldest first'),
    baseline: z.record(kpiName, normal).describe('Centre and spread per KPI; null while there is no baseline'),
  })
  .meta({ id: 'PerformanceMetrics' })

export const kpiTrend = z
  .object({
    current: maybe.describe('Mean over the last quarter of the period'),
    average: maybe,
    minimum: maybe,
    maximum: maybe,
    changePerHour: maybe.describe('Slope of the line through the period, in units of the KPI per hour'),
    trend: z.enum(['rising', 'falling', 'steady']).nullable(),
  })
  .meta({ id: 'KpiTrend' })
export type KpiTrend = z.infer<typeof kpiTrend>

/** `AnalyticsResult` of the client. */
export const analyticsResult = z
  .object({
    processId: z.string(),
    period: z.object({ from: isoTime, to: isoTime }),
    kpis: z.record(kpiName, kpiTrend),
    anomalies: z.record(z.string(), z.number().int()).describe('Count by type'),
    insights: z.array(z.string()).describe('Findings in words'),
    forecast: z.null().describe('Null while there is no model'),
    recommendations: z.array(z.string()),
  })
  .meta({ id: 'AnalyticsResult' })

export const aggregation = z.enum(['avg', 'min', 'max', 'sum', 'count', 'last'])
export type Aggregation = z.infer<typeof aggregation>

export const seriesQuery = performanceQuery.extend({
  process: z.string().min(1).max(1024),
  metric: z.string().min(1).max(255),
  agg: aggregation.default('avg'),
})

export const seriesAnswer = z
  .object({
    process: z.string(),
    metric: z.string(),
    unit: z.string().describe('UCUM'),
    agg: aggregation,
    from: isoTime,
    to: isoTime,
    step: z.number().describe('Seconds'),
    resolution: z.enum(['raw', '1m']).describe('What the points are made from'),
    series: z.array(
      z.object({
        attributes: z.record(z.string(), z.string()),
        points: z.array(z.object({ time: isoTime, value: z.number() })),
      }),
    ),
  })
  .meta({ id: 'SeriesAnswer' })
export type SeriesAnswer = z.infer<typeof seriesAnswer>

export const seriesItem = z
  .object({
    metric: z.string(),
    unit: z.string(),
    kind: z.enum(['unspecified', 'gauge', 'delta', 'cumulative']),
    about: z.string().nullable(),
    attributes: z.record(z.string(), z.string()),
    lastValue: maybe,
    lastTime: isoTime.nullable(),
  })
  .meta({ id: 'SeriesItem' })
