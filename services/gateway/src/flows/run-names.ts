import type { RunStatus, RunTrigger } from '@driftline/proto'

/** In the order of their numbers in the protocol, from 1. */
export const runStatuses = [
  'pending',
  'running',
  'success',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
  'interrupted',
] as const
export type RunStatusName = (typeof runStatuses)[number]

export const runTriggers = ['button', 'schedule', 'event', 'api'] as const
export type RunTriggerName = (typeof runTriggers)[number]

export const statusName = (status: RunStatus): RunStatusName => runStatuses[status - 1] ?? 'pending'
export const statusNumber = (name: string): RunStatus => runStatuses.indexOf(name as RunStatusName) + 1
export const triggerName = (trigger: RunTrigger): RunTriggerName => runTriggers[trigger - 1] ?? 'button'
export const triggerNumber = (name: string): RunTrigger => runTriggers.indexOf(name as RunTriggerName) + 1
