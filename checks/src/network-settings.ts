import { setting } from '@driftline/platform/settings'
import { z } from 'zod'
import { networkPolicy } from './network-policy.ts'

const networks = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(',').map((part) => part.trim()))])
  .transform((list) => list.filter((network) => network !== ''))
  .pipe(networkPolicy.shape.allowedNetworks.removeDefault())

/** What every tenant's checks and polls may reach beside public addresses; the checker holds to it, the gateway shows it. */
export const networkSettings = {
  allowedPrivateNetworks: setting(
    'allowed_private_networks',
    networks,
    [],
    'Private networks that checks and polls may connect to, beside those allowed under Settings, Network: a list such as 10.0.0.0/8, in the variable joined by commas',
  ),
}
