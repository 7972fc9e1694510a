import { type NetworkPolicy, networkPolicy } from '@driftline/checks/network-policy'
import { createInProcessHotState } from '@driftline/platform/hot-state/in-process-hot-state'
import type { CheckContext } from '../../check-type.ts'
import type { OpenCredential, RequestAuth } from '../../vault/credentials.ts'
import { type AddressGuardDeps, createAddressGuard } from '../address-guard.ts'
import { createGuardedHttp } from '../guarded-http.ts'
import { createHostLimits } from '../host-limits.ts'

export interface NetRigOptions {
  readonly policy?: Partial<NetworkPolicy>
  readonly exempt?: AddressGuardDeps['exempt']
  readonly resolver?: AddressGuardDeps['resolver']
}

export const systemClock = { nowMs: (): number => Date.now() }

/** Guard, limits and HTTP as the checker makes them, for a tenant `acme` that may reach loopback unless told otherwise. */
export function createNetRig({ policy, exempt = () => [], resolver }: NetRigOptions = {}) {
  const rules = networkPolicy.parse({ allowedNetworks: ['127.0.0.0/8'], ...policy })
  const policies = { of: async () => rules }
  const clock = systemClock
  const hotState = createInProcessHotState({ maxKeys: 10_000 }, { clock })
  const guard = createAddressGuard({
    policies,
    exempt,
    presetNetworks: [],
    ...(resolver === undefined ? {} : { resolver }),
  })
  const limits = createHostLimits({ policies, hotState, guard, clock })
  const config = { version: '1.2.3', productUrl: 'https://driftline.example' }
  const http = createGuardedHttp(config, { guard, limits })
  const stop = async (): Promise<void> => {
    await http.stop()
    await limits.stop()
  }
  return { policies, clock, hotState, guard, limits, http, stop }
}

export type NetRig = ReturnType<typeof createNetRig>

/** A context of one attempt, with what was logged and declared secret. */
export function createContext(timeoutMs = 10_000) {
  const lines: string[] = []
  const secrets: string[] = []
  const signal = AbortSignal.timeout(timeoutMs)
  const context: CheckContext = {
    ...{ tenant: 'acme', process: 'flow:test', signal, startedMs: Date.now() },
    deadlineMs: performance.now() + timeoutMs,
    log: (text) => void lines.push(text),
    mask: (text) => text,
    secret: (text) => void secrets.push(text),
  }
  return { context, lines, secrets }
}

/** A vault that holds one credential, and says how often it was asked and told of a refusal. */
export function createOneCredential(kind: OpenCredential['kind'], auth: (turn: number) => Partial<RequestAuth>) {
  const calls = { opened: 0, refused: 0 }
  return {
    calls,
    credentials: {
      open: async (name: string): Promise<OpenCredential> => ({ kind, name, fields: {} }),
      async forRequest(): Promise<RequestAuth> {
        calls.opened++
        return { headers: {}, query: {}, identity: null, ...auth(calls.opened) }
      },
      refused() {
        calls.refused++
      },
    },
  }
}
