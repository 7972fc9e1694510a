/** What a run, a step or an attempt has come to. */
export type RunStatus =
  | 'pending'
  | 'running'
  | 'success'
  | 'failed'
  | 'timeout'
  | 'cancelled'
  | 'skipped'
  | 'interrupted'

export type RunTrigger = 'button' | 'schedule' | 'event' | 'api'
export type FlowHealth = 'ok' | 'warning' | 'critical' | 'silent' | 'learning'

export type FlowSchedule = { readonly cron: string; readonly timeZone?: string } | { readonly everySeconds: number }

/** A step as people write it. The configuration is what its type takes. */
export interface StepDefinition {
  stepName: string
  key?: string
  description?: string
  checkType: string
  checkConfiguration: Record<string, unknown>
  timeoutSeconds?: number
  retryCount?: number
  retryDelaySeconds?: number
}

export interface FlowDefinition {
  name: string
  description: string
  category: string
  tags: string[]
  owner: string
  active: boolean
  schedules: FlowSchedule[]
  timeoutSeconds: number
  steps: StepDefinition[]
}

export interface Flow extends Readonly<FlowDefinition> {
  readonly id: string
  readonly version: number
  readonly managedBy: 'user' | 'file'
  readonly createdAt: string
  readonly updatedAt: string
  readonly updatedBy: string
}

export interface LastRun {
  readonly checkId: string
  readonly status: RunStatus
  readonly startTime: string | null
  readonly endTime: string | null
  /** Milliseconds. */
  readonly executionTime: number | null
  readonly trigger: RunTrigger
  readonly initiatedBy: string
  readonly message: string
}

export interface OpenRun {
  readonly checkId: string
  readonly status: RunStatus
  readonly currentStep: number
  readonly startTime: string | null
}

/** What channel `flows` carries of each. */
export interface FlowShort {
  readonly id: string
  readonly health: FlowHealth
  readonly lastRun: LastRun | null
  readonly openRun: OpenRun | null
}

export interface FlowItem extends FlowShort {
  readonly name: string
  readonly category: string
  readonly description: string
  readonly tags: readonly string[]
  readonly owner: string
  readonly active: boolean
  readonly version: number
  readonly stepCount: number
  readonly steps: readonly {
    readonly stepNumber: number
    readonly key: string
    readonly name: string
    readonly checkType: string
    readonly target: string
  }[]
  readonly schedules: readonly FlowSchedule[]
  /** Of the last 24 h, 0..1; null without a run that counts. */
  readonly successRate: number | null
  /** Of successful runs, milliseconds. */
  readonly medianTime: number | null
}

export interface StepAttempt {
  readonly attempt: number
  readonly status: RunStatus
  readonly startTime: string | null
  readonly executionTime: number | null
  readonly reason: string
  readonly errorMessage: string
}

export interface StepValue {
  readonly name: string
  readonly value: string
  readonly secret: boolean
}

export interface CheckStep {
  readonly stepNumber: number
  readonly key: string
  readonly name: string
  readonly checkType: string
  readonly target: string
  readonly status: RunStatus
  readonly attempt: number
  readonly attemptsMax: number
  readonly startTime: string | null
  readonly endTime: string | null
  readonly timestamp: string | null
  /** Milliseconds, all attempts and the waits between them. */
  readonly executionTime: number | null
  readonly reason: string | null
  readonly errorMessage: string | null
  readonly hint: string | null
  readonly resultData: Readonly<Record<string, unknown>> | null
  readonly values: readonly StepValue[]
  readonly attempts: readonly StepAttempt[]
  readonly hasEvidence: boolean
}

export interface CheckLine {
  readonly stepNumber: number
  readonly attempt: number
  readonly time: string
  /** Milliseconds since the step began. */
  readonly elapsed: number
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

/** A run without its steps, as lists show it. */
export interface CheckHeader {
  readonly checkId: string
  readonly processId: string
  readonly processName: string
  readonly flowVersion: number
  readonly trigger: RunTrigger
  readonly initiatedBy: string
  readonly requestedTime: string
  readonly startTime: string | null
  readonly endTime: string | null
  readonly executionTime: number | null
  readonly overallStatus: RunStatus
  readonly currentStep: number
  readonly stepCount: number
  readonly message: string | null
}

export interface Check extends CheckHeader {
  readonly steps: readonly CheckStep[]
  readonly lines: readonly CheckLine[]
}

/** Changes of channel `check:<checkId>`: fields of the header, whole steps, new lines. */
export interface CheckChanges {
  readonly check?: Partial<CheckHeader>
  readonly steps?: readonly CheckStep[]
  readonly lines?: readonly CheckLine[]
}

export interface Evidence {
  readonly attempt: number
  readonly kind: string
  readonly mediaType: string
  readonly text?: string
  readonly base64?: string
}

/** How a step usually is; times in milliseconds, `score` in robust standard deviations. */
export interface FlowStep {
  readonly stepNumber: number
  readonly key: string
  readonly name: string
  readonly normal: { readonly median: number | null; readonly spread: number | null; readonly count: number } | null
  readonly score: number | null
  readonly drift: {
    readonly from: string
    readonly stepSeconds: number
    readonly values: readonly (number | null)[]
  } | null
}

export interface GridRun {
  readonly checkId: string
  readonly startTime: string | null
  readonly status: RunStatus
  readonly steps: readonly {
    readonly status: RunStatus
    readonly executionTime: number | null
    readonly overNormal: boolean
  }[]
}

export interface TrendPoint {
  readonly time: string
  readonly runs: number
  readonly succeeded: number
  readonly failed: number
  readonly p50: number | null
  readonly p95: number | null
}

export interface Trend {
  readonly total: readonly TrendPoint[]
  readonly steps: readonly { readonly stepNumber: number; readonly points: readonly TrendPoint[] }[]
}

interface ComparedStep {
  readonly status: RunStatus
  readonly executionTime: number | null
}

export interface Comparison {
  readonly a: CheckHeader
  readonly b: CheckHeader
  readonly steps: readonly {
    readonly stepNumber: number
    readonly name: string
    readonly a: ComparedStep | null
    readonly b: ComparedStep | null
    readonly differenceMs: number | null
    readonly ratio: number | null
    readonly normal: { readonly median: number | null; readonly spread: number | null } | null
  }[]
}

export interface FlowProblem {
  readonly path: string
  readonly message: string
  /** Of the YAML, from 1. */
  readonly line?: number
}

export interface FlowValidation {
  readonly ok: boolean
  readonly problems: readonly FlowProblem[]
  readonly definition: FlowDefinition | null
  readonly yaml: string | null
}

export interface FlowVersion {
  readonly version: number
  readonly createdAt: string
  readonly createdBy: string
  readonly definition?: FlowDefinition
}

/** The part of JSON Schema that configurations are written in. */
export interface JsonSchema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

export interface CheckTypeInfo {
  readonly name: string
  readonly title: string
  readonly timeoutSeconds: number
  readonly facts: readonly string[]
  readonly schema: JsonSchema
}

export interface GalleryExample {
  readonly id: string
  readonly title: string
  readonly about: string
  /** What to put in, one sentence each, before it can succeed; empty when it runs as it is. */
  readonly needs: readonly string[]
  readonly definition?: { readonly steps: readonly unknown[]; readonly category?: string }
}

export interface CredentialName {
  readonly name: string
  readonly kind: string
}
