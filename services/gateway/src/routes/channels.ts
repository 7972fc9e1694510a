import type { ChannelStore } from '../access/channels.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { channelList } from '../schemas/detection.ts'

export function channelRoutes({ channels }: { channels: ChannelStore }): AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/api/v1/channels',
      summary: 'Where alerts go, with the secrets of webhooks that were made here',
      tag: 'Anomalies and alerts',
      status: 200,
      response: channelList,
      cache: 'no-store',
      handle: async ({ tenant }) => ({ body: { items: await channels.list(tenant) } }),
    }),
  ]
}
