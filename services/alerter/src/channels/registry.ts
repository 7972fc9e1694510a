import type { ChannelSettings, SmtpConfig } from '../config.ts'
import type { Channel } from './channel.ts'
import { createEmailChannel } from './email/email.ts'
import { createWebhookChannel } from './webhook/webhook.ts'

type SettingsOf<Kind> = Extract<ChannelSettings, { readonly channel: Kind }>

export interface ChannelDeps {
  readonly smtp: SmtpConfig | null
  /** The key that a webhook channel signs with, made when the settings have none. */
  webhookKey(name: string, secret: string | null): Promise<Buffer>
}

/** Every kind of channel that can be sent to. Other kinds of the settings come later and are said so at the start. */
const kinds: {
  readonly [Kind in ChannelSettings['channel']]?: (settings: SettingsOf<Kind>, deps: ChannelDeps) => Channel
} = {
  email: ({ name, recipients }, { smtp }) => createEmailChannel({ name, recipients, smtp }),
  webhook: ({ name, url, secret }, deps) =>
    createWebhookChannel({ name, url }, { key: () => deps.webhookKey(name, secret ?? null) }),
}

/** Null for a kind that is not there yet. */
export function createChannel(settings: ChannelSettings, deps: ChannelDeps): Channel | null {
  const make = kinds[settings.channel] as ((settings: ChannelSettings, deps: ChannelDeps) => Channel) | undefined
  return make === undefined ? null : make(settings, deps)
}
