import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { ActorNames } from '../../access/actor-names.ts'
import type { ReportSchedule } from './schedule-schemas.ts'
import type { ScheduleRow } from './schedule-store.ts'

/** Settings of mail belong to the tenant that has the installation's administrators. */
const INSTALLATION_TENANT = 'default'
const MAIL_SETTING = 'alerting.mail'

const NO_SERVER =
  'No mail server is set, so nothing is sent: set process_monitor.alerting.smtp.host, or DRIFTLINE_PROCESS_MONITOR_ALERTING_SMTP_HOST'
const NOBODY_SENDS = 'Nothing sends mails: the alerter has not been started'

/** Schedules as people see them: with what became of the last mails, and why nothing is sent. */
export async function viewSchedules(
  rows: readonly ScheduleRow[],
  { metadata, names }: { readonly metadata: Metadata; readonly names: ActorNames },
): Promise<ReportSchedule[]> {
  if (rows.length === 0) return []
  const mail = await metadata.db
    .selectFrom('settings')
    .select('value')
    .where('tenant', '=', INSTALLATION_TENANT)
    .where('key', '=', MAIL_SETTING)
    .executeTakeFirst()
  const obstacle =
    mail === undefined ? NOBODY_SENDS : (mail.value as { from?: unknown } | null)?.from ? null : NO_SERVER
  await names.learn(rows[0]!.tenant, [...new Set(rows.map(({ updatedBy }) => updatedBy))])
  return Promise.all(
    rows.map(async (row) => {
      const { tenant, dueMs, attempts, lastError, updatedAtMs, updatedBy, ...fields } = row
      const last = await lastOf(metadata, tenant, row.id)
      return {
        ...fields,
        nextTime: row.active ? new Date(dueMs).toISOString() : null,
        problem: problemOf(obstacle, lastError, last),
        last,
        updatedAt: new Date(updatedAtMs).toISOString(),
        updatedBy: names.nameOf(tenant, updatedBy),
      }
    }),
  )
}

function problemOf(obstacle: string | null, lastError: string | null, last: ReportSchedule['last']): string | null {
  if (obstacle !== null) return obstacle
  if (lastError !== null) return `The report could not be made: ${lastError}`
  const unsent = last?.deliveries.find(({ status, problem }) => status !== 'delivered' && problem !== null)
  return unsent === undefined ? null : `The mail to ${unsent.recipient} is not delivered: ${unsent.problem}`
}

async function lastOf(metadata: Metadata, tenant: string, schedule: string): Promise<ReportSchedule['last']> {
  const file = await metadata.db
    .selectFrom('report_files')
    .select(['id', 'subject', 'created_at'])
    .where('tenant', '=', tenant)
    .where('schedule', '=', schedule)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  if (file === undefined) return null
  const rows = await metadata.db
    .selectFrom('report_deliveries')
    .select(['target', 'state', 'attempts', 'delivered_at', 'next_attempt_at', 'last_error'])
    .where('tenant', '=', tenant)
    .where('file', '=', file.id)
    .orderBy('target')
    .execute()
  return {
    time: file.created_at.toISOString(),
    subject: file.subject,
    deliveries: rows.map(({ target, state, attempts, delivered_at, next_attempt_at, last_error }) => ({
      recipient: target,
      status: state === 'withdrawn' ? ('failed' as const) : state,
      attempts: Number(attempts),
      time:
        state === 'delivered'
          ? (delivered_at?.toISOString() ?? null)
          : state === 'pending'
            ? next_attempt_at.toISOString()
            : null,
      problem: last_error,
    })),
  }
}
