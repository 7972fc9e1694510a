import { setting } from '@driftline/platform/settings'
import { durationMs, flag, share } from '@driftline/platform/units'
import { z } from 'zod'

const kpi = z.enum(['execution_time', 'success_rate', 'error_rate', 'throughput', 'resource_utilization'])

/**
 * The names that users know of what comes next, with their defaults: no service reads them yet. They are accepted and
 * checked today, so that one file serves this version and the next.
 */
export const processMonitorSettings = {
  metricsCollection: setting('process_monitor.real_time_monitoring.metrics_collection', flag, true, 'Collect metrics'),
  samplingRate: setting('process_monitor.real_time_monitoring.sampling_rate', share, 1, 'Share of readings to keep'),
  performanceTracking: setting('process_monitor.performance_tracking.enabled', flag, true, 'Compute KPIs'),
  kpis: setting('process_monitor.performance_tracking.kpis', z.array(kpi).min(1), kpi.options, 'KPIs to compute'),
  analytics: setting('process_monitor.analytics.enabled', flag, true, 'Analyse'),
  analyticsEngine: setting(
    'process_monitor.analytics.analytics_engine',
    z.enum(['real_time']),
    'real_time',
    'How it analyses',
  ),
  reportingIntervalMs: setting(
    'process_monitor.analytics.reporting_interval',
    durationMs,
    '1h',
    'Period of KPI reports',
  ),
  dashboardsEnabled: setting('process_monitor.analytics.dashboards_enabled', flag, true, 'Dashboards'),
  insightsGeneration: setting('process_monitor.analytics.insights_generation', flag, true, 'Insights in words'),
  operationalVisibility: setting('process_monitor.operational_visibility.enabled', flag, true, 'The web app'),
  dashboardRefreshMs: setting(
    'process_monitor.operational_visibility.dashboard_refresh',
    durationMs,
    '30s',
    'Period of aggregate panels; everything else is live',
  ),
  drillDown: setting('process_monitor.operational_visibility.drill_down_capabilities', flag, true, 'Drill down'),
  historicalAnalysis: setting('process_monitor.operational_visibility.historical_analysis', flag, true, 'History'),
  trendAnalysis: setting('process_monitor.operational_visibility.trend_analysis', flag, true, 'Trends'),
}
