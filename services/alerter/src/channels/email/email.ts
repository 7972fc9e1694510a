import type { Channel } from '../channel.ts'
import { mailOf } from './mail.ts'
import { type SmtpConfig, submitMail } from './submit.ts'

export type { SmtpConfig } from './submit.ts'

export interface EmailConfig {
  readonly name: string
  readonly recipients: readonly string[]
  /** Null when no server is set: every delivery fails and says so. */
  readonly smtp: SmtpConfig | null
}

/** One mail per recipient: what one server refuses for one of them is not sent again to the others. */
export function createEmailChannel(config: EmailConfig): Channel {
  const { name, recipients, smtp } = config
  return {
    name,
    kind: 'email',
    events: ['opened', 'worsened', 'resolved'],
    targets: recipients,
    recipient: (target) => `email:${target}`,
    async send(message, context) {
      if (smtp === null) return { kind: 'refused', reason: 'process_monitor.alerting.smtp.host is not set' }
      const { id, target, alertId: thread, event, payload } = message
      return submitMail(smtp, { id, target, thread, ...mailOf(event, payload) }, context)
    },
  }
}
