/** Answers of `/reports` and `/report-schedules`; durations in milliseconds, rates 0 to 1, no data is null. */
export type ReportName = 'completion' | 'performance'
export type FileFormat = 'pdf' | 'csv' | 'json'

export interface Outcome {
  runs: number
  succeeded: number
  failed: number
  timeout: number
  cancelled: number
  interrupted: number
  successRate: number | null
  medianTime: number | null
  p95Time: number | null
}

export interface FlowCompletion extends Outcome {
  processId: string
  name: string
  category: string
  longestFailureStreak: { runs: number; from: string; to: string } | null
  days: ({ day: string } & Outcome)[]
  steps: ({ stepNumber: number; key: string; name: string } & Outcome)[]
  failures: {
    stepNumber: number
    stepName: string
    status: string
    reason: string
    message: string
    count: number
    lastTime: string
  }[]
  failuresLeftOut: number
}

interface Shared {
  finding: string
  processesLeftOut: number
}

export interface CompletionReport extends Shared {
  report: 'completion'
  totals: Outcome
  flows: FlowCompletion[]
}

interface KpiFigures {
  average: number | null
}

export interface ProcessPerformance {
  processId: string
  kind: string
  kpis: Record<string, KpiFigures>
  drift: { time: string; score: number }[]
  anomalies: {
    count: number
    open: number
    openTime: number
    longest: {
      id: string
      type: string
      severity: string
      startTime: string
      endTime: string | null
      openTime: number
      description: string
    }[]
  }
}

export interface PerformanceReport extends Shared {
  report: 'performance'
  processes: ProcessPerformance[]
}

export interface ScheduleInput {
  name: string
  report: ReportName
  formats: FileFormat[]
  processes: string[]
  period: 'day' | 'week' | 'month'
  cron: string
  timeZone: string
  locale: string
  recipients: string[]
  active: boolean
}

export interface Schedule extends ScheduleInput {
  id: string
  nextTime: string | null
  problem: string | null
  last: {
    time: string
    subject: string
    deliveries: {
      recipient: string
      status: 'pending' | 'delivered' | 'failed'
      attempts: number
      problem: string | null
    }[]
  } | null
}
