import { networkPolicy } from '@driftline/checks/network-policy'
import type { NetworkPolicyStore, StoredNetworkPolicy } from '@driftline/checks/network-policy-store'
import { actorOf } from '@driftline/platform/access/audit-log'
import type { z } from 'zod'
import type { ActorNames } from '../access/actor-names.ts'
import { fromZod } from '../http/problems.ts'
import { type AnyRoute, route } from '../http/route.ts'
import { signedIn } from '../routes/sessions.ts'
import { networkSettingsAnswer, networkSettingsBody } from './network-schemas.ts'

const TAG = 'Settings'

export interface NetworkRouteDeps {
  readonly networkPolicies: NetworkPolicyStore
  readonly names: ActorNames
  /** Networks that the configuration allows besides. */
  readonly presetNetworks: readonly string[]
}

export function networkRoutes(deps: NetworkRouteDeps): AnyRoute[] {
  return [read(deps), write(deps)]
}

function read(deps: NetworkRouteDeps): AnyRoute {
  return route({
    method: 'get',
    path: '/api/v1/settings/network',
    summary: 'Where checks and polls may connect to, and how often',
    tag: TAG,
    status: 200,
    response: networkSettingsAnswer,
    handle: async ({ tenant }) => ({ body: await answer(deps, tenant, await deps.networkPolicies.get(tenant)) }),
  })
}

function write(deps: NetworkRouteDeps): AnyRoute {
  return route({
    method: 'put',
    path: '/api/v1/settings/network',
    summary: 'Say where checks and polls may connect to; it holds within two seconds',
    tag: TAG,
    body: networkSettingsBody,
    status: 200,
    response: networkSettingsAnswer,
    refusals: [409, 413, 415],
    async handle({ tenant, body, principal }) {
      const by = signedIn(principal)
      const draft = networkPolicy.safeParse(body.policy)
      if (!draft.success) throw fromZod(draft.error, 'policy')
      const stored = await deps.networkPolicies.put(tenant, draft.data, body.version ?? null, actorOf(by))
      deps.names.note(by)
      return { body: await answer(deps, tenant, stored) }
    },
  })
}

async function answer(
  { names, presetNetworks }: NetworkRouteDeps,
  tenant: string,
  { policy, version, updatedAt, updatedBy }: StoredNetworkPolicy,
): Promise<z.infer<typeof networkSettingsAnswer>> {
  await names.learn(tenant, [updatedBy])
  return {
    ...{ policy, version, presetNetworks: [...presetNetworks] },
    updatedAt: updatedAt?.toISOString() ?? null,
    updatedBy: updatedBy === null ? null : names.nameOf(tenant, updatedBy),
  }
}
