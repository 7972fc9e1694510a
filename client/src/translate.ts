import {
  type AnalyzeProcessResponse,
  type DetectAnomaliesResponse,
  type ManageAlertsResponse,
  type ProcessMetrics as ProtoMetrics,
  Severity as ProtoSeverity,
  AlertStatus as ProtoStatus,
  type ProvideVisibilityResponse,
  type TrackPerformanceResponse,
} from '@driftline/proto'
import type {
  Alert,
  AlertStatus,
  AnalyticsResult,
  Anomaly,
  KpiTrend,
  OperationalDashboard,
  PerformanceMetrics,
  ProcessMetrics,
  ProcessStatus,
  Severity,
} from './types.ts'

/** What the service says, as callers know it: times as `Date`, no data as null. */

type ProtoAnomaly = DetectAnomaliesResponse['anomalies'][number]
type ProtoAlert = NonNullable<ManageAlertsResponse['alert']>

const date = (ms: bigint): Date => new Date(Number(ms))
const known = (value: number | undefined): number | null =>
  value === undefined || !Number.isFinite(value) ? null : value

const severities: Readonly<Record<number, Severity>> = {
  [ProtoSeverity.INFO]: 'info',
  [ProtoSeverity.WARNING]: 'warning',
  [ProtoSeverity.CRITICAL]: 'critical',
}
const statuses: Readonly<Record<number, AlertStatus>> = {
  [ProtoStatus.OPEN]: 'open',
  [ProtoStatus.ACKNOWLEDGED]: 'acknowledged',
  [ProtoStatus.RESOLVED]: 'resolved',
}

export function toMetrics(metrics: ProtoMetrics): ProcessMetrics {
  return {
    processId: metrics.processId,
    executionTime: known(metrics.executionTimeMs),
    successRate: known(metrics.successRate),
    errorRate: known(metrics.errorRate),
    throughput: known(metrics.throughputPerSecond),
    resourceUtilization: {
      cpu: known(metrics.cpu),
      memory: known(metrics.memory),
      io: known(metrics.io),
      network: known(metrics.network),
    },
    timestamp: date(metrics.timestampMs),
  }
}

export function toPerformance(answer: TrackPerformanceResponse): PerformanceMetrics {
  return {
    processId: answer.processId,
    from: date(answer.fromMs),
    to: date(answer.toMs),
    step: answer.stepSeconds,
    points: answer.points.map(toMetrics),
    baseline: Object.fromEntries(
      Object.entries(answer.baseline).map(([kpi, normal]) => [
        kpi,
        { centre: known(normal.centre), spread: known(normal.spread) },
      ]),
    ),
  }
}

export function toAnomaly(anomaly: ProtoAnomaly): Anomaly {
  const { metrics } = anomaly
  return {
    id: anomaly.id,
    processId: anomaly.process,
    type: anomaly.type,
    severity: severities[anomaly.severity] ?? 'info',
    description: anomaly.description,
    timestamp: date(anomaly.startTimeMs),
    endedAt: anomaly.endTimeMs === 0n ? null : date(anomaly.endTimeMs),
    metric: anomaly.metric === '' ? null : anomaly.metric,
    value: known(anomaly.value),
    expected: {
      low: known(anomaly.expectedLow),
      high: known(anomaly.expectedHigh),
      centre: known(anomaly.expectedCentre),
    },
    metrics:
      metrics === undefined
        ? null
        : {
            processId: anomaly.process,
            executionTime: known(metrics.executionTimeMs),
            successRate: known(metrics.successRate),
            errorRate: known(metrics.errorRate),
            throughput: known(metrics.throughputPerSecond),
            resourceUtilization: {
              cpu: known(metrics.cpuShare),
              memory: known(metrics.memoryShare),
              io: known(metrics.ioShare),
              network: known(metrics.networkShare),
            },
            timestamp: date(anomaly.timeMs),
          },
  }
}

export function toAlert(alert: ProtoAlert): Alert {
  return {
    id: alert.id,
    anomalyId: alert.anomalyId,
    processId: alert.process,
    severity: severities[alert.severity] ?? 'info',
    message: alert.message,
    recipients: [...alert.recipients],
    timestamp: date(alert.openedAtMs),
    status: statuses[alert.status] ?? 'open',
  }
}

export function toAnalytics(answer: AnalyzeProcessResponse): AnalyticsResult {
  return {
    processId: answer.processId,
    period: { from: date(answer.fromMs), to: date(answer.toMs) },
    kpis: Object.fromEntries(
      Object.entries(answer.kpis).map(([kpi, trend]): [string, KpiTrend] => [
        kpi,
        {
          current: known(trend.current),
          average: known(trend.average),
          minimum: known(trend.minimum),
          maximum: known(trend.maximum),
          changePerHour: known(trend.changePerHour),
          trend: trend.trend === '' ? null : (trend.trend as NonNullable<KpiTrend['trend']>),
        },
      ]),
    ),
    anomalies: { ...answer.anomalies },
    insights: [...answer.insights],
    forecast: null,
    recommendations: [...answer.recommendations],
  }
}

export function toDashboard(answer: ProvideVisibilityResponse): OperationalDashboard {
  return {
    processes: answer.processes.map((process) => ({
      processId: process.processId,
      name: process.name,
      status: process.status as ProcessStatus,
      drift: known(process.drift),
      metrics: process.metrics === undefined ? null : toMetrics(process.metrics),
    })),
    counts: { ...answer.counts },
    alerts: answer.alerts.map(toAlert),
    estateDrift: answer.estateDrift.map(({ timeMs, up, down }) => ({ time: date(timeMs), up, down })),
    generatedAt: date(answer.generatedAtMs),
  }
}
