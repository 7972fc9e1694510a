import { createTransport, type SMTPTransportOptions } from 'nodemailer'
import type { SendContext, SendResult } from '../channel.ts'
import type { Mail } from './mail.ts'

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

export interface OutgoingMail extends Mail {
  /** The same on every attempt. */
  readonly id: string
  readonly target: string
  /** Id that the mails of one matter have in common. */
  readonly thread?: string
  readonly attachments?: readonly {
    readonly filename: string
    readonly contentType: string
    readonly content: Buffer
  }[]
}

/** Gives a mail to the server. */
export async function submitMail(smtp: SmtpConfig, mail: OutgoingMail, context: SendContext): Promise<SendResult> {
  const { id, target, thread, subject, text, html, attachments = [] } = mail
  const transport = createTransport(transportOptions(smtp))
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(smtp.from)?.[1] ?? 'localhost'
  const references =
    thread === undefined ? {} : { references: `<${thread}@${domain}>`, inReplyTo: `<${thread}@${domain}>` }
  context.onFirstByte()
  try {
    await transport.sendMail({
      from: smtp.from,
      to: { name: '', address: target },
      subject,
      text,
      html,
      attachments: [...attachments],
      messageId: `<${id}@${domain}>`,
      ...references,
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
