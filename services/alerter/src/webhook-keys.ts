import type { Clock } from '@driftline/platform/clock'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { keyOf, newSecret } from './channels/webhook/signature.ts'

/** The tenant whose administrators see and own what the installation's channels need. */
export const INSTALLATION_TENANT = 'default'

/** Key in the table `settings` of a webhook's secret that we made, a text `whsec_...`; for administrators only. */
export const webhookSecretSetting = (channel: string): string => `alerting.webhook_secret.${channel}`

/** Answers the key that a webhook signs with: that of its secret, or of one that is made once and kept. */
export function createWebhookKeys(deps: { readonly metadata: Metadata; readonly clock: Clock }) {
  const keys = new Map<string, Buffer>()
  return async (channel: string, configured: string | null): Promise<Buffer> => {
    const known = keys.get(channel)
    if (known !== undefined) return known
    const key = keyOf(configured ?? (await keptSecret(channel, deps)))
    if (key === null) throw new Error(`the secret of ${channel} is no base64`)
    keys.set(channel, key)
    return key
  }
}

/** Several instances agree on the one that was stored first. */
async function keptSecret(
  channel: string,
  { metadata, clock }: { readonly metadata: Metadata; readonly clock: Clock },
): Promise<string> {
  const key = webhookSecretSetting(channel)
  return metadata.transaction(async (transaction) => {
    await transaction
      .insertInto('settings')
      .values({
        tenant: INSTALLATION_TENANT,
        key,
        value: newSecret(),
        updated_at: new Date(clock.nowMs()),
        updated_by: 'system',
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'key']).doNothing())
      .execute()
    const row = await transaction
      .selectFrom('settings')
      .select('value')
      .where('tenant', '=', INSTALLATION_TENANT)
      .where('key', '=', key)
      .executeTakeFirstOrThrow()
    return String(row.value)
  })
}
