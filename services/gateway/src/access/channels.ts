import type { Metadata } from '@driftline/platform/metadata/metadata'
import { z } from 'zod'

export interface ChannelItem {
  readonly name: string
  readonly channel: string
  readonly recipients: string[]
  readonly secret: string | null
}

/** Where alerts go, as the alerter tells it in the metadata store. */
export interface ChannelStore {
  list(tenant: string): Promise<ChannelItem[]>
}

/** Channels are those of the installation; they belong to the tenant that has its administrators. */
const TENANT = 'default'
const LIST_KEY = 'alerting.channels'
const SECRET_KEY = 'alerting.webhook_secret.'

const told = z.array(
  z.looseObject({ name: z.string(), channel: z.string(), recipients: z.array(z.string()).default([]) }),
)

export function createChannelStore({ metadata }: { metadata: Metadata }): ChannelStore {
  return {
    async list(tenant) {
      if (tenant !== TENANT) return []
      const rows = await metadata.db
        .selectFrom('settings')
        .select(['key', 'value'])
        .where('tenant', '=', TENANT)
        .where((where) => where.or([where('key', '=', LIST_KEY), where('key', 'like', `${SECRET_KEY}%`)]))
        .execute()
      const secrets = new Map<string, string>()
      for (const { key, value } of rows) {
        if (key.startsWith(SECRET_KEY)) secrets.set(key.slice(SECRET_KEY.length), String(value))
      }
      const parsed = told.safeParse(rows.find(({ key }) => key === LIST_KEY)?.value ?? [])
      const listed = parsed.success ? parsed.data : []
      const items = listed.map(({ name, channel, recipients }) => {
        return { name, channel, recipients, secret: channel === 'webhook' ? (secrets.get(name) ?? null) : null }
      })
      // A secret of a channel that nobody has told of yet is shown all the same: a receiver may wait for it.
      if (rows.some(({ key }) => key === LIST_KEY)) return items
      return [...secrets].map(([name, secret]) => ({ name, channel: 'webhook', recipients: [], secret }))
    },
  }
}
