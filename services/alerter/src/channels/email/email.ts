import { createTransport, type SMTPTransportOptions } from 'nodemailer'
import type { Channel, Message, SendContext, SendResult } from '../channel.ts'
import { mailOf } from './mail.ts'

/** The server that takes mail. */
export interface SmtpConfig {
  readonly host: string
  readonly port: number
  readonly user: string | null
  readonly password: string | null
  /** TLS from the first byte, as on port 465. */
  readonly secure: boolean
  readonly startTls: 'required' | 'offered' | 'never'
  /** Address of the sender, with a name or without. */
  readonly from: string
}

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
      return submit(smtp, message, context)
    },
  }
}

async function submit(smtp: SmtpConfig, message: Message, context: SendContext): Promise<SendResult> {
  const transport = createTransport(transportOptions(smtp))
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(smtp.from)?.[1] ?? 'localhost'
  const thread = `<${message.alertId}@${domain}>`
  context.onFirstByte()
  try {
    await transport.sendMail({
      from: smtp.from,
      to: { name: '', address: message.target },
      ...mailOf(message.event, message.payload),
      messageId: `<${message.id}@${domain}>`,
      references: thread,
      inReplyTo: thread,
      date: new Date(context.nowMs),
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      disableFileAccess: true,
      disableUrlAccess: true,
      signal: context.signal,
    })
    return { kind: 'delivered' }
  } catch (error) {
    return judge(error, context.signal)
  } finally {
    transport.close()
  }
}

function transportOptions(smtp: SmtpConfig): SMTPTransportOptions {
  return {
    host: smtp.host,
    port: smtp.port,
    secure: smtp.secure,
    ...(smtp.startTls === 'required' ? { requireTLS: true } : {}),
    ...(smtp.startTls === 'never' ? { ignoreTLS: true } : {}),
    ...(smtp.user === null ? {} : { auth: { user: smtp.user, pass: smtp.password ?? '' } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/**
 * RFC 5321, 4.2.1: 5yz is refused for good, 4yz may pass later. A refused sign-in is a setting that somebody will put
 * right. The server's own words stay out: they may quote what was sent.
 */
function judge(error: unknown, signal: AbortSignal): SendResult {
  const { code = 'unknown', responseCode } = error as { code?: string; responseCode?: number }
  if (signal.aborted)
    return { kind: 'unavailable', reason: 'the mail server did not answer in time', retryAfterMs: null }
  const answered = responseCode === undefined ? '' : `, answered ${responseCode}`
  const reason = `the mail server did not take it: ${code}${answered}`
  const isForGood = responseCode !== undefined && responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE')
  return isForGood ? { kind: 'refused', reason } : { kind: 'unavailable', reason, retryAfterMs: null }
}
