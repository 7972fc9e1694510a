import { create } from '@bufbuild/protobuf'
import {
  AlertSchema,
  AlertStatus,
  AnalyzeProcessResponseSchema,
  AnomalySchema,
  ProcessMetricsSchema,
  ProvideVisibilityResponseSchema,
  Severity,
  TrackPerformanceResponseSchema,
} from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { toAlert, toAnalytics, toAnomaly, toDashboard, toMetrics, toPerformance } from './translate.ts'

const atMs = Date.UTC(2026, 0, 5, 14, 2, 10)

describe('what the service says, as callers know it', () => {
  it('no data is null, and zero is zero', () => {
    const metrics = create(ProcessMetricsSchema, { processId: 'host:a', cpu: 0, timestampMs: BigInt(atMs) })
    expect(toMetrics(metrics)).toEqual({
      processId: 'host:a',
      executionTime: null,
      successRate: null,
      errorRate: null,
      throughput: null,
      resourceUtilization: { cpu: 0, memory: null, io: null, network: null },
      timestamp: new Date(atMs),
    })
  })

  it('a range has its points and what is usual', () => {
    const answer = create(TrackPerformanceResponseSchema, {
      processId: 'host:a',
      fromMs: BigInt(atMs),
      toMs: BigInt(atMs + 60_000),
      stepSeconds: 10,
      points: [{ processId: 'host:a', memory: 0.5, timestampMs: BigInt(atMs) }],
      baseline: { cpu: { centre: 0.2, spread: 0.01 }, io: {} },
    })
    const performance = toPerformance(answer)
    expect(performance).toMatchObject({ from: new Date(atMs), to: new Date(atMs + 60_000), step: 10 })
    expect(performance.points[0]?.resourceUtilization.memory).toBe(0.5)
    expect(performance.baseline).toEqual({ cpu: { centre: 0.2, spread: 0.01 }, io: { centre: null, spread: null } })
  })

  it.each([
    ['that lasts', 0n, null],
    ['that is over', BigInt(atMs + 9000), new Date(atMs + 9000)],
  ])('an anomaly %s', (_, endTimeMs, endedAt) => {
    const anomaly = create(AnomalySchema, {
      id: 'x',
      process: 'os:a:nginx',
      type: 'performance_degradation',
      severity: Severity.CRITICAL,
      description: 'CPU of nginx on a is 370 %',
      startTimeMs: BigInt(atMs),
      endTimeMs,
      timeMs: BigInt(atMs + 1000),
      metric: 'cpu',
      value: 3.7,
      expectedLow: 0.8,
      expectedHigh: Number.NaN,
      metrics: { cpuShare: 0.9, errorRate: Number.NaN },
    })
    expect(toAnomaly(anomaly)).toMatchObject({
      processId: 'os:a:nginx',
      severity: 'critical',
      timestamp: new Date(atMs),
      endedAt,
      metric: 'cpu',
      value: 3.7,
      expected: { low: 0.8, high: null },
      metrics: { errorRate: null, resourceUtilization: { cpu: 0.9 }, timestamp: new Date(atMs + 1000) },
    })
  })

  it.each([
    [AlertStatus.OPEN, 'open'],
    [AlertStatus.ACKNOWLEDGED, 'acknowledged'],
    [AlertStatus.RESOLVED, 'resolved'],
  ])('an alert of status %d is %s', (status, word) => {
    const alert = create(AlertSchema, { id: 'a', status, severity: Severity.WARNING, openedAtMs: BigInt(atMs) })
    expect(toAlert(alert)).toMatchObject({ status: word, severity: 'warning', timestamp: new Date(atMs) })
  })

  it('trends that are not known are null', () => {
    const answer = create(AnalyzeProcessResponseSchema, {
      kpis: { cpu: { current: 1, trend: 'rising' }, io: {} },
      anomalies: { error_spike: 2 },
      insights: ['CPU rises'],
    })
    expect(toAnalytics(answer)).toMatchObject({
      kpis: { cpu: { current: 1, average: null, trend: 'rising' }, io: { current: null, trend: null } },
      anomalies: { error_spike: 2 },
      insights: ['CPU rises'],
      forecast: null,
    })
  })

  it('the dashboard has every process, with its drift where one is known', () => {
    const answer = create(ProvideVisibilityResponseSchema, {
      processes: [
        { processId: 'host:a', name: 'a', status: 'warning', drift: -3.5 },
        { processId: 'host:b', name: 'b', status: 'learning' },
      ],
      counts: { total: 2 },
      estateDrift: [{ timeMs: BigInt(atMs), up: 1, down: 0 }],
    })
    const dashboard = toDashboard(answer)
    expect(dashboard.processes.map(({ drift, metrics }) => [drift, metrics])).toEqual([
      [-3.5, null],
      [null, null],
    ])
    expect(dashboard.estateDrift).toEqual([{ time: new Date(atMs), up: 1, down: 0 }])
  })
})
