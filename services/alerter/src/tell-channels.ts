import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'
import type { Channel } from './channels/channel.ts'
import type { ChannelSettings } from './config.ts'
import { INSTALLATION_TENANT, webhookSecretSetting } from './webhook-keys.ts'

/** Key in the table `settings`: a list of `{name, channel, recipients}`, for administrators. */
const CHANNELS_SETTING = 'alerting.channels'
/** Key in the table `settings`: `{from}`, the sender of mails; null in it when no server is set. */
const MAIL_SETTING = 'alerting.mail'

/** Tells the gateway whether there is a server for mails, so that a schedule of reports can say that there is none. */
export async function tellMail(
  smtp: { readonly from: string } | null,
  { metadata, clock }: { readonly metadata: Metadata; readonly clock: Clock },
): Promise<void> {
  const value: Json = { from: smtp?.from ?? null }
  const settled = { value, updated_at: new Date(clock.nowMs()), updated_by: 'system' }
  await metadata.transaction((transaction) =>
    transaction
      .insertInto('settings')
      .values({ tenant: INSTALLATION_TENANT, key: MAIL_SETTING, ...settled })
      .onConflict((conflict) => conflict.columns(['tenant', 'key']).doUpdateSet(settled))
      .execute(),
  )
}

/**
 * Tells administrators where alerts go. Kinds that come later are listed without recipients. A secret that we made is
 * forgotten when the settings have one of their own: it would be shown, and be wrong.
 */
export async function tellChannels(
  settings: readonly ChannelSettings[],
  channels: readonly Channel[],
  { metadata, clock }: { readonly metadata: Metadata; readonly clock: Clock },
): Promise<void> {
  const value: Json = settings.map(({ name, channel }) => {
    const known = channels.find((each) => each.name === name)
    return { name, channel, recipients: known === undefined ? [] : known.targets.map(known.recipient) }
  })
  const settled = { value, updated_at: new Date(clock.nowMs()), updated_by: 'system' }
  await metadata.transaction(async (transaction) => {
    await transaction
      .insertInto('settings')
      .values({ tenant: INSTALLATION_TENANT, key: CHANNELS_SETTING, ...settled })
      .onConflict((conflict) => conflict.columns(['tenant', 'key']).doUpdateSet(settled))
      .execute()
    for (const each of settings) {
      if (each.channel !== 'webhook' || each.secret === undefined) continue
      await transaction
        .deleteFrom('settings')
        .where('tenant', '=', INSTALLATION_TENANT)
        .where('key', '=', webhookSecretSetting(each.name))
        .execute()
    }
  })
}
