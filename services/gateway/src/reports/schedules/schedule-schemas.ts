import { scheduleProblem } from '@driftline/checks/schedules'
import { z } from 'zod'
import { isoTime } from '../../schemas/common.ts'
import { locale, PROCESSES_MAX, reportFormats, reportNames, timeZone } from '../report-schemas.ts'

const RECIPIENTS_MAX = 50

const fields = {
  name: z.string().trim().min(1).max(200),
  report: z.enum(reportNames),
  formats: z
    .array(z.enum(reportFormats))
    .min(1)
    .max(reportFormats.length)
    .transform((list) => [...new Set(list)])
    .default(['pdf']),
  processes: z
    .array(z.string().min(1).max(1024))
    .max(PROCESSES_MAX)
    .default([])
    .describe('Process ids; empty for all that the report is about'),
  period: z
    .enum(['day', 'week', 'month'])
    .describe('The day, the seven days or the calendar month before the day on which it is sent, of its time zone'),
  cron: z.string().min(9).max(200).describe('When it is sent: five fields, or six with seconds first'),
  timeZone: timeZone.default('UTC'),
  locale: locale.default('en-GB'),
  recipients: z
    .array(z.email())
    .min(1)
    .max(RECIPIENTS_MAX)
    .transform((list) => [...new Set(list)])
    .describe('Each gets a mail of their own'),
  active: z.boolean().default(true),
}

/** What is made, when, and for whom. */
export const reportScheduleInput = z
  .strictObject(fields)
  .superRefine(({ cron, timeZone: zone }, context) => {
    const problem = scheduleProblem({ cron, timeZone: zone })
    if (problem !== null) context.addIssue({ code: 'custom', path: [problem.path], message: problem.message })
  })
  .meta({ id: 'ReportScheduleInput' })
export type ReportScheduleInput = z.infer<typeof reportScheduleInput>

const delivery = z.object({
  recipient: z.string(),
  status: z.enum(['pending', 'delivered', 'failed']),
  attempts: z.number().int(),
  time: isoTime.nullable().describe('When it was delivered, or is tried next; null after it failed for good'),
  problem: z.string().nullable().describe('Why the last attempt did not deliver it'),
})

export const reportSchedule = z
  .object({
    id: z.string(),
    name: z.string(),
    report: z.enum(reportNames),
    formats: z.array(z.enum(reportFormats)),
    processes: z.array(z.string()),
    period: z.enum(['day', 'week', 'month']),
    cron: z.string(),
    timeZone: z.string(),
    locale: z.string(),
    recipients: z.array(z.string()),
    active: z.boolean(),
    version: z.number().int(),
    nextTime: isoTime.nullable().describe('When it is made next; null while it is not active'),
    problem: z.string().nullable().describe('Why nothing is sent, and what to do about it; null when all is well'),
    last: z
      .object({
        time: isoTime,
        subject: z.string(),
        deliveries: z.array(delivery),
      })
      .nullable()
      .describe('The report that was made last'),
    updatedAt: isoTime,
    updatedBy: z.string(),
  })
  .meta({ id: 'ReportSchedule' })
export type ReportSchedule = z.infer<typeof reportSchedule>

/** What the table keeps as JSON: all but name and whether it is active. */
export const storedSchedule = z.object(fields).omit({ name: true, active: true })
export type StoredSchedule = z.infer<typeof storedSchedule>
