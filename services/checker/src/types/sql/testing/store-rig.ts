import type { CheckConfigOf } from '@driftline/checks/types/check-types'
import { checkTypes } from '@driftline/checks/types/check-types'
import type { CredentialKind } from '@driftline/checks/vault/credential-kinds'
import { systemClock } from '@driftline/platform/clock'
import type { CheckAnswer, CheckContext, CheckTools, CreateCheckType } from '../../../check-type.ts'
import { CheckFailure } from '../../../check-type.ts'
import { createAddressGuard } from '../../../net/address-guard.ts'
import type { GuardedHttp } from '../../../net/guarded-http.ts'
import type { Credentials } from '../../../vault/credentials.ts'

export interface TestCredential {
  readonly kind: CredentialKind
  readonly fields: Readonly<Record<string, string>>
}

export interface StoreRig {
  /** Runs a check once, with `timeoutMs` for the attempt. */
  run(config: Record<string, unknown>, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<CheckAnswer>
  readonly lines: string[]
  readonly secrets: Set<string>
}

/** Tools as the engine gives them, with the real guard, and credentials from a list instead of the vault. */
export function createStoreTools(options: {
  readonly credentials?: Readonly<Record<string, TestCredential>>
  readonly allowedRoots?: readonly string[]
  readonly allowedNetworks?: readonly string[]
  readonly http?: GuardedHttp
}): CheckTools {
  const policies = {
    of: async () => ({ allowedNetworks: [], ownHosts: [], hosts: [], requestsPerSecond: 1000, concurrent: 100 }),
  }
  const guard = createAddressGuard({
    policies,
    exempt: () => [],
    presetNetworks: options.allowedNetworks ?? ['127.0.0.0/8', '::1/128'],
  })
  const credentials: Credentials = {
    async open(name, use) {
      const found = options.credentials?.[name]
      if (found === undefined)
        throw new CheckFailure('credential_unknown', `There is no credential "${name}"`, { hint: 'Make one' })
      for (const field of ['password', 'privateKey', 'secretAccessKey', 'key']) {
        if (found.fields[field]) use.secret(found.fields[field])
      }
      return { name, ...found }
    },
    async forRequest() {
      throw new Error('stores open their credentials themselves')
    },
    refused() {},
  }
  const tools = {
    guard,
    policies,
    credentials,
    http: options.http,
    limits: { enter: async () => () => {}, stop: async () => {} },
    clock: systemClock,
    files: { allowedRoots: options.allowedRoots ?? [] },
  }
  // Stores use nothing else of it.
  return tools as unknown as CheckTools
}

export function createStoreRig<Name extends 'sql' | 'file'>(
  name: Name,
  create: CreateCheckType<Name>,
  tools: CheckTools,
): StoreRig {
  const type = create(tools)
  const lines: string[] = []
  const secrets = new Set<string>()
  return {
    lines,
    secrets,
    async run(config, { timeoutMs = 10_000, signal } = {}) {
      const timer = AbortSignal.timeout(timeoutMs)
      const context: CheckContext = {
        tenant: 'default',
        process: 'flow:trial',
        signal: signal === undefined ? timer : AbortSignal.any([timer, signal]),
        deadlineMs: performance.now() + timeoutMs,
        startedMs: Date.now(),
        log: (text) => lines.push(text),
        mask: (text) => text,
        secret: (text) => secrets.add(text),
      }
      return type.run(checkTypes[name].schema.parse(config) as CheckConfigOf<Name>, context)
    },
  }
}

/** What a check failed with; an error of ours when it did not. */
export async function failureOf(work: Promise<unknown>): Promise<CheckFailure> {
  try {
    await work
  } catch (error) {
    if (error instanceof CheckFailure) return error
    throw error
  }
  throw new Error('the check succeeded')
}
