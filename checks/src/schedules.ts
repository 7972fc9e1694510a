import { Cron } from 'croner'
import type { FlowSchedule } from './flow-definition.ts'

/** Why a schedule cannot be kept, and of which field of it; null for a good one. */
export function scheduleProblem(schedule: FlowSchedule): { readonly path: string; readonly message: string } | null {
  if (!('cron' in schedule)) return null
  const { cron, timeZone } = schedule
  if (!isTimeZone(timeZone)) return { path: 'timeZone', message: `${timeZone} is not a time zone such as Asia/Kolkata` }
  const fields = cron.trim().split(/\s+/).length
  // Without this check croner takes a date, or a nickname, for a pattern.
  if (fields !== 5 && fields !== 6) return { path: 'cron', message: 'must have five fields, or six with seconds first' }
  try {
    const next = pattern(cron, timeZone).nextRun()
    return next === null ? { path: 'cron', message: 'never comes: there is no such day' } : null
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^CronPattern:\s*/, '') : String(error)
    return { path: 'cron', message: `is not a cron pattern: ${detail}` }
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const pattern = (cron: string, timezone: string): Cron =>
  new Cron(cron.trim(), { paused: true, mode: '5-or-6-parts', timezone })

/** When a schedule is due, for one flow. */
export interface ScheduleTimes {
  /** The first due time after `afterMs`, milliseconds since the Unix epoch; null when there is none. */
  next(afterMs: number): number | null
}

/**
 * Due times that every instance comes to by itself. Those of an interval lie on a grid that begins at the Unix epoch,
 * shifted by the flow's id, so that flows with the same interval do not all begin at once.
 */
export function scheduleTimes(flow: string, schedule: FlowSchedule): ScheduleTimes {
  if ('cron' in schedule) {
    const cron = pattern(schedule.cron, schedule.timeZone)
    return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? null }
  }
  const everyMs = schedule.everySeconds * 1000
  const shiftMs = hashOf(flow) % everyMs
  return { next: (afterMs) => (Math.floor((afterMs - shiftMs) / everyMs) + 1) * everyMs + shiftMs }
}

/** 32-bit FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
