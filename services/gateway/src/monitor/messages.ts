import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type AlertSchema,
  AlertStatus,
  type AnalyzeProcessResponseSchema,
  AnomalyPhase,
  type AnomalySchema,
  canonicalAttributes,
  kpiNumber,
  type ProcessMetricsSchema,
  type ProvideVisibilityResponseSchema,
  Severity,
  type TrackPerformanceResponseSchema,
} from '@driftline/proto'
import type { z } from 'zod'
import type { analyticsResult, performanceMetrics } from '../schemas/analytics.ts'
import type { AlertItem, AnomalyItem, OperationalDashboard } from '../schemas/anomalies.ts'
import type { ProcessMetrics } from '../schemas/processes.ts'

/** What the API answers in JSON, as messages: no data is left out, or NaN where the message has a plain number. */

const ms = (iso: string): bigint => BigInt(Date.parse(iso))
const maybeMs = (iso: string | null): bigint => (iso === null ? 0n : ms(iso))
const number = (value: number | null): number => value ?? Number.NaN

const severities = { info: Severity.INFO, warning: Severity.WARNING, critical: Severity.CRITICAL } as const
const statuses = {
  open: AlertStatus.OPEN,
  acknowledged: AlertStatus.ACKNOWLEDGED,
  resolved: AlertStatus.RESOLVED,
} as const

/** The fields that are known: an optional field that is absent says "no data". */
function present<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}

export function metricsMessage(metrics: ProcessMetrics): MessageInitShape<typeof ProcessMetricsSchema> {
  const { cpu, memory, io, network } = metrics.resourceUtilization
  return {
    processId: metrics.processId,
    timestampMs: ms(metrics.timestamp),
    ...present({
      executionTimeMs: metrics.executionTime,
      successRate: metrics.successRate,
      errorRate: metrics.errorRate,
      throughputPerSecond: metrics.throughput,
      cpu,
      memory,
      io,
      network,
    }),
  }
}

export function performanceMessage(
  answer: z.output<typeof performanceMetrics>,
): MessageInitShape<typeof TrackPerformanceResponseSchema> {
  return {
    processId: answer.processId,
    fromMs: ms(answer.from),
    toMs: ms(answer.to),
    stepSeconds: answer.step,
    points: answer.points.map(metricsMessage),
    baseline: mapValues(answer.baseline, present),
  }
}

export function analysisMessage(
  answer: z.output<typeof analyticsResult>,
): MessageInitShape<typeof AnalyzeProcessResponseSchema> {
  return {
    processId: answer.processId,
    fromMs: ms(answer.period.from),
    toMs: ms(answer.period.to),
    kpis: mapValues(answer.kpis, ({ trend, ...numbers }) => ({ ...present(numbers), trend: trend ?? '' })),
    anomalies: answer.anomalies,
    insights: answer.insights,
    recommendations: answer.recommendations,
  }
}

export function anomalyMessage(anomaly: AnomalyItem): MessageInitShape<typeof AnomalySchema> {
  const { metrics } = anomaly
  return {
    id: anomaly.id,
    process: anomaly.processId,
    type: anomaly.type,
    severity: severities[anomaly.severity],
    phase: anomaly.endedAt === null ? AnomalyPhase.OPENED : AnomalyPhase.CLOSED,
    startTimeMs: ms(anomaly.timestamp),
    endTimeMs: maybeMs(anomaly.endedAt),
    timeMs: ms(metrics?.timestamp ?? anomaly.endedAt ?? anomaly.timestamp),
    description: anomaly.description,
    metric: anomaly.metric ?? '',
    attributes: attributesOf(anomaly),
    unit: anomaly.unit,
    value: number(anomaly.value),
    worstValue: number(anomaly.worstValue),
    expectedLow: number(anomaly.expected.low),
    expectedHigh: number(anomaly.expected.high),
    expectedCentre: number(anomaly.expected.centre),
    score: anomaly.score,
    exhaustedAtMs: maybeMs(anomaly.exhaustedAt),
    contributions: anomaly.contributions,
    ...(metrics === null ? {} : { metrics: kpiValues(metrics) }),
  }
}

/** A KPI has none; a plain series has `{}` at least. */
function attributesOf({ metric, attributes }: AnomalyItem): string {
  return metric === null || kpiNumber(metric) !== -1 ? '' : canonicalAttributes(attributes)
}

function kpiValues(metrics: ProcessMetrics): NonNullable<MessageInitShape<typeof AnomalySchema>['metrics']> {
  const { values, resourceUtilization: share } = metrics
  return {
    executionTimeMs: number(metrics.executionTime),
    successRate: number(metrics.successRate),
    errorRate: number(metrics.errorRate),
    throughputPerSecond: number(metrics.throughput),
    cpuCores: number(values.cpuCores),
    memoryBytes: number(values.memoryBytes),
    readBytesPerSecond: number(values.readBytesPerSecond),
    writeBytesPerSecond: number(values.writeBytesPerSecond),
    networkReceiveBytesPerSecond: number(values.networkReceiveBytesPerSecond),
    networkTransmitBytesPerSecond: number(values.networkTransmitBytesPerSecond),
    cpuShare: number(share.cpu),
    memoryShare: number(share.memory),
    ioShare: number(share.io),
    networkShare: number(share.network),
    instances: number(values.instances),
  }
}

export function alertMessage(alert: AlertItem): MessageInitShape<typeof AlertSchema> {
  return {
    id: alert.id,
    anomalyId: alert.anomalyId,
    anomalyIds: alert.anomalyIds,
    process: alert.processId,
    rule: alert.rule,
    type: alert.type,
    severity: severities[alert.severity],
    status: statuses[alert.status],
    message: alert.message,
    recipients: alert.recipients,
    openedAtMs: ms(alert.timestamp),
    acknowledgedAtMs: maybeMs(alert.acknowledgedAt),
    acknowledgedBy: alert.acknowledgedBy ?? '',
    resolvedAtMs: maybeMs(alert.resolvedAt),
    resolvedBy: alert.resolvedBy ?? '',
  }
}

export function visibilityMessage(
  dashboard: OperationalDashboard,
): MessageInitShape<typeof ProvideVisibilityResponseSchema> {
  return {
    processes: dashboard.processes.map(({ processId, name, status, drift, metrics }) => ({
      processId,
      name,
      status,
      ...present({ drift }),
      ...(metrics === null ? {} : { metrics: metricsMessage(metrics) }),
    })),
    counts: dashboard.counts,
    alerts: dashboard.alerts.map((alert) => alertMessage(alert)),
    estateDrift: dashboard.estateDrift.map(({ time, up, down }) => ({ timeMs: ms(time), up, down })),
    generatedAtMs: ms(dashboard.generatedAt),
  }
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
