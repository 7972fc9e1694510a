import { analyticsSettings } from '@driftline/platform/analytics/analytics-config'
import { AppError } from '@driftline/platform/errors'
import { readSettings, type SettingsSource, setting } from '@driftline/platform/settings'
import { durationMs, flag, port } from '@driftline/platform/units'
import { z } from 'zod'
import type { SmtpConfig } from './channels/email/email.ts'
import { keyOf } from './channels/webhook/signature.ts'
import { type AlertRule, REQUESTED_RULE } from './rules.ts'

export type { SmtpConfig } from './channels/email/email.ts'

const word = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be at most 64 letters, digits, dashes and underscores')
const severity = z.enum(['info', 'warning', 'critical'])
const LIST_MAX = 100

const webhookSecret = z
  .string()
  .refine((secret) => (keyOf(secret)?.length ?? 0) > 0, 'must be base64, with or without whsec_ in front')
const webUrl = z.url({ protocol: /^https?$/, error: 'must be an address that begins with http:// or https://' })

const channel = z.discriminatedUnion('channel', [
  z.strictObject({
    channel: z.literal('email'),
    name: word.optional(),
    recipients: z.array(z.email()).min(1).max(LIST_MAX),
  }),
  z.strictObject({
    channel: z.literal('webhook'),
    name: word.optional(),
    url: webUrl,
    secret: webhookSecret.optional(),
  }),
  z.looseObject({ channel: z.literal('slack'), name: word.optional(), webhook: z.url() }),
  z.looseObject({ channel: z.literal('pagerduty'), name: word.optional(), service_key: z.string().min(1) }),
  z.looseObject({ channel: z.literal('sms'), name: word.optional() }),
  z.looseObject({ channel: z.literal('teams'), name: word.optional() }),
])

const texts = z.array(z.string().min(1)).min(1).max(LIST_MAX)

const rule = z.strictObject({
  rule: word.refine((name) => name !== REQUESTED_RULE, `"${REQUESTED_RULE}" is taken by alerts that people ask for`),
  severity,
  escalation_time: durationMs.optional(),
  types: texts.optional(),
  processes: texts.optional(),
  channels: texts.optional(),
})

const sender = z.string().regex(/^[^\p{Cc}<>]*<?[^\s<>@]+@[A-Za-z0-9.-]+>?$/u, 'must be an address, with a name or not')

export const alerterSettings = {
  enabled: setting('process_monitor.alerting.enabled', flag, true, 'Make alerts of anomalies and tell people'),
  channels: setting(
    'process_monitor.alerting.alert_channels',
    z.array(channel).max(LIST_MAX),
    [],
    'Where alerts go; `email` with `recipients`, `webhook` with `url` and `secret`; `slack`, `pagerduty`, `sms` and `teams` are accepted and come later',
  ),
  rules: setting(
    'process_monitor.alerting.alert_rules',
    z.array(rule).max(LIST_MAX),
    [
      { rule: 'critical_anomaly', severity: 'critical', escalation_time: '5m' },
      { rule: 'warning_anomaly', severity: 'warning', escalation_time: '15m' },
    ],
    'Which anomalies become alerts, by `severity`, `types` and `processes` (globs), to which `channels` (all); `escalation_time` has no effect yet',
  ),
  smtpHost: setting('process_monitor.alerting.smtp.host', z.string().min(1).nullable(), null, 'Mail server'),
  smtpPort: setting('process_monitor.alerting.smtp.port', port, 587, 'Its port'),
  smtpUser: setting(
    'process_monitor.alerting.smtp.user',
    z.string().min(1).nullable(),
    null,
    'Name at the mail server',
  ),
  smtpPassword: setting(
    'process_monitor.alerting.smtp.password',
    z.string().nullable(),
    null,
    'Its password; better a variable than the file',
  ),
  smtpSecure: setting(
    'process_monitor.alerting.smtp.secure',
    flag,
    false,
    'TLS from the first byte, as on port 465; else STARTTLS',
  ),
  smtpStartTls: setting(
    'process_monitor.alerting.smtp.starttls',
    z.enum(['required', 'offered', 'never']).nullable(),
    null,
    'STARTTLS: `required`, when `offered`, or `never`; without: required where a user is set, else when offered',
  ),
  smtpFrom: setting('process_monitor.alerting.smtp.from', sender, 'Driftline <driftline@localhost>', 'Sender of mails'),
  publicUrl: setting(
    'public_url',
    webUrl.transform((url) => url.replace(/\/+$/, '')).nullable(),
    null,
    'Where people reach the web app, for links in messages, such as https://driftline.example',
  ),
}

/** A channel as it is set, with the name that it was given or got. */
export type ChannelSettings =
  | { readonly channel: 'email'; readonly name: string; readonly recipients: readonly string[] }
  | { readonly channel: 'webhook'; readonly name: string; readonly url: string; readonly secret?: string }
  | { readonly channel: 'slack' | 'pagerduty' | 'sms' | 'teams'; readonly name: string }

export interface AlerterConfig {
  readonly channels: readonly ChannelSettings[]
  readonly rules: readonly AlertRule[]
  readonly smtp: SmtpConfig | null
  /** Without a slash at the end. */
  readonly publicUrl: string | null
  readonly timing: AlerterTiming
}

export interface AlerterTiming {
  /** How often the alerter looks for decisions of people, milliseconds. */
  readonly decisionsEveryMs: number
  /** How often it looks for deliveries that nobody woke it for. */
  readonly outboxEveryMs: number
  /** An attempt is given up after so long. */
  readonly attemptMs: number
  /** A sender that says nothing for so long is taken for dead. */
  readonly leaseMs: number
  /** First pause before an attempt is repeated; doubles up to `backoffMaxMs`, with jitter. */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** A delivery fails for good after so many attempts, or so long. */
  readonly attemptsMax: number
  readonly giveUpAfterMs: number
  /** Attempts of one channel under way at once. */
  readonly concurrency: number
  /** How long a breaker stays open. */
  readonly breakerResetMs: number
  /** Attempts that a breaker judges by. */
  readonly breakerVolume: number
  /** An anomaly that is so far behind when it is read may be over already. */
  readonly oldAfterMs: number
  /** How long it is waited for the end of such a one. */
  readonly oldGraceMs: number
  /** An excursion that comes back within this time belongs to the episode before. */
  readonly flapMs: number
  readonly retentionMs: number
}

export const timingDefaults: Omit<AlerterTiming, 'retentionMs'> = {
  decisionsEveryMs: 100,
  outboxEveryMs: 1000,
  attemptMs: 10_000,
  leaseMs: 5000,
  backoffMs: 1000,
  backoffMaxMs: 3_600_000,
  attemptsMax: 40,
  giveUpAfterMs: 24 * 3_600_000,
  concurrency: 4,
  breakerResetMs: 10_000,
  breakerVolume: 5,
  oldAfterMs: 60_000,
  oldGraceMs: 5000,
  flapMs: 60_000,
}

/** Errors: `config_invalid`. */
export function readAlerterConfig(source: SettingsSource): AlerterConfig {
  const settings = readSettings(source, alerterSettings)
  const { retentionMs } = readSettings(source, { retentionMs: analyticsSettings.dataRetention })
  const channels = nameChannels(settings.channels)
  const rules = settings.rules.map(toRule)
  refuseDisorder(channels, rules)
  return Object.freeze({
    channels: settings.enabled ? channels : [],
    rules: settings.enabled ? rules : [],
    smtp: smtpOf(settings),
    publicUrl: settings.publicUrl,
    timing: { ...timingDefaults, retentionMs },
  })
}

/** The first of a kind is called by it, others `webhook-2` and so on: who has several should name them. */
function nameChannels(channels: readonly z.output<typeof channel>[]): ChannelSettings[] {
  const counts = new Map<string, number>()
  return channels.map((each) => {
    const count = (counts.get(each.channel) ?? 0) + 1
    counts.set(each.channel, count)
    return { ...each, name: each.name ?? (count === 1 ? each.channel : `${each.channel}-${count}`) } as ChannelSettings
  })
}

function toRule(each: z.output<typeof rule>): AlertRule {
  return {
    name: each.rule,
    severity: each.severity,
    types: each.types ?? null,
    processes: each.processes ?? null,
    channels: each.channels ?? null,
    escalationMs: each.escalation_time ?? null,
  }
}

function smtpOf(settings: {
  readonly smtpHost: string | null
  readonly smtpPort: number
  readonly smtpUser: string | null
  readonly smtpPassword: string | null
  readonly smtpSecure: boolean
  readonly smtpStartTls: SmtpConfig['startTls'] | null
  readonly smtpFrom: string
}): SmtpConfig | null {
  const { smtpHost, smtpPort, smtpUser, smtpPassword, smtpSecure, smtpStartTls, smtpFrom } = settings
  if (smtpHost === null) return null
  return {
    host: smtpHost,
    port: smtpPort,
    user: smtpUser,
    password: smtpPassword,
    secure: smtpSecure,
    // A password that crosses the network in clear text belongs to everybody.
    startTls: smtpStartTls ?? (smtpUser === null || smtpSecure ? 'offered' : 'required'),
    from: smtpFrom,
  }
}

function refuseDisorder(channels: readonly ChannelSettings[], rules: readonly AlertRule[]): void {
  const names = channels.map(({ name }) => name)
  const problems = [
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `${alerterSettings.channels.key}: two channels are called "${name}"`),
    ...rules.flatMap((each) =>
      (each.channels ?? [])
        .filter((name) => !names.includes(name))
        .map(
          (name) => `${alerterSettings.rules.key}: rule "${each.name}" names the channel "${name}", which is not there`,
        ),
    ),
  ]
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
}
