import { type FlowDefinition, stepKey } from '@driftline/checks/flow-definition'
import { type CheckTypeName, checkTypes } from '@driftline/checks/types/check-types'
import type { RunEvent, RunLine, StepState } from '@driftline/proto'
import { RunStatus } from '@driftline/proto'
import type { Check, CheckChanges, CheckHeader, CheckLine, CheckStep } from './check-schemas.ts'
import { statusName, triggerName } from './run-names.ts'

const iso = (timeMs: bigint): string | null => (timeMs > 0n ? new Date(Number(timeMs)).toISOString() : null)
const orNull = (text: string): string | null => (text === '' ? null : text)

/** Milliseconds, to the microsecond. */
export const toMs = (seconds: number): number => Math.round(seconds * 1_000_000) / 1000

/** A run as lists show it. */
export function headerOf(event: RunEvent): CheckHeader {
  return {
    checkId: event.run,
    processId: event.process,
    processName: event.flowName,
    flowVersion: event.flowVersion,
    trigger: triggerName(event.trigger),
    initiatedBy: event.initiatedByName || event.initiatedBy,
    requestedTime: iso(event.requestedMs) ?? new Date(Number(event.timeMs)).toISOString(),
    startTime: iso(event.startMs),
    endTime: iso(event.endMs),
    executionTime: event.endMs > 0n && event.startMs > 0n ? toMs(event.executionTime) : null,
    overallStatus: statusName(event.status),
    currentStep: event.currentStep,
    stepCount: event.stepCount,
    message: orNull(event.message),
  }
}

export function stepOf(step: StepState): CheckStep {
  return {
    stepNumber: step.number,
    key: step.key,
    name: step.name,
    checkType: step.checkType,
    target: step.target,
    status: statusName(step.status),
    attempt: step.attempt,
    attemptsMax: step.attemptsMax,
    startTime: iso(step.startMs),
    endTime: iso(step.endMs),
    timestamp: iso(step.endMs) ?? iso(step.startMs),
    executionTime: step.endMs > 0n && step.startMs > 0n ? toMs(step.executionTime) : null,
    reason: orNull(step.reason),
    errorMessage: orNull(step.errorMessage),
    hint: orNull(step.hint),
    resultData: objectOf(step.result),
    values: step.values.map(({ name, value, secret }) => ({ name, value, secret })),
    attempts: step.attempts.map((each) => ({
      attempt: each.attempt,
      status: statusName(each.status),
      startTime: iso(each.startMs),
      executionTime: each.status === RunStatus.RUNNING ? null : toMs(each.executionTime),
      reason: each.reason,
      errorMessage: each.errorMessage,
    })),
    hasEvidence: step.hasEvidence,
  }
}

export function lineOf(line: RunLine): CheckLine {
  return {
    stepNumber: line.stepNumber,
    attempt: line.attempt,
    time: new Date(Number(line.timeMs)).toISOString(),
    elapsed: toMs(line.elapsed),
    level: line.level === 'warn' || line.level === 'error' ? line.level : 'info',
    text: line.text,
  }
}

export function checkOf(event: RunEvent): Check {
  return { ...headerOf(event), steps: event.steps.map(stepOf), lines: event.lines.map(lineOf) }
}

/** What of a check is not as it was; null for nothing. */
export function changesBetween(before: RunEvent, after: RunEvent): CheckChanges | null {
  const [was, is] = [headerOf(before), headerOf(after)]
  const fields = (Object.keys(is) as (keyof CheckHeader)[]).filter((name) => was[name] !== is[name])
  const known = new Map(before.steps.map((step) => [step.number, step]))
  const steps = after.steps.filter((step) => known.get(step.number) !== step && isOther(known.get(step.number), step))
  const lines = after.lines.slice(before.lines.length)
  if (fields.length + steps.length + lines.length === 0) return null
  return {
    ...(fields.length > 0 && { check: Object.fromEntries(fields.map((name) => [name, is[name]])) }),
    ...(steps.length > 0 && { steps: steps.map(stepOf) }),
    ...(lines.length > 0 && { lines: lines.map(lineOf) }),
  }
}

function isOther(before: StepState | undefined, after: StepState): boolean {
  return before === undefined || JSON.stringify(stepOf(before)) !== JSON.stringify(stepOf(after))
}

/** Steps of a definition, none of which has begun. */
export function definedSteps(definition: FlowDefinition) {
  return definition.steps.map((step, index) => ({
    stepNumber: index + 1,
    key: stepKey(step, index + 1),
    name: step.stepName,
    checkType: step.checkType,
    target: targetOf(step.checkType, step.checkConfiguration),
  }))
}

function targetOf(checkType: CheckTypeName, configuration: Readonly<Record<string, unknown>>): string {
  return checkTypes[checkType].target(configuration)
}

function objectOf(text: string): Record<string, unknown> | null {
  if (text === '') return null
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : { value: parsed }
  } catch {
    return null
  }
}
