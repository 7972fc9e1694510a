import type { Metadata } from '@driftline/platform/metadata/metadata'
import { z } from 'zod'
import type { Sender } from '../channels/channel.ts'
import type { SmtpConfig } from '../channels/email/email.ts'
import { plainMail } from '../channels/email/mail.ts'
import { submitMail } from '../channels/email/submit.ts'
import type { LeasedReport } from '../outbox/outbox.ts'

/** Name of the way that reports go, in the outbox and in metrics; channels of alerts have names without a colon. */
export const REPORT_MAIL = 'reports:email'

const attachments = z.array(z.object({ name: z.string(), contentType: z.string(), content: z.base64() })).max(10)

/** Sends reports that the gateway has made: a mail per recipient, with the files of the report. */
export function createReportMail(
  smtp: SmtpConfig | null,
  { metadata }: { readonly metadata: Metadata },
): Sender<LeasedReport> {
  return {
    name: REPORT_MAIL,
    async send({ tenant, id, fileId, target }, context) {
      if (smtp === null) return { kind: 'refused', reason: 'process_monitor.alerting.smtp.host is not set' }
      const file = await metadata.db
        .selectFrom('report_files')
        .select(['subject', 'message', 'attachments'])
        .where('tenant', '=', tenant)
        .where('id', '=', fileId)
        .executeTakeFirst()
      const parsed = attachments.safeParse(file?.attachments)
      if (file === undefined || !parsed.success || parsed.data.length === 0) {
        return { kind: 'refused', reason: 'the report is no longer kept' }
      }
      const mail = plainMail(file.subject, file.message)
      const parts = parsed.data.map(({ name, contentType, content }) => ({
        filename: name,
        contentType,
        content: Buffer.from(content, 'base64'),
      }))
      return submitMail(smtp, { id, target, ...mail, attachments: parts }, context)
    },
  }
}
