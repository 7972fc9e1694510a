import type { CheckConfigOf, CheckTypeName } from '@driftline/checks/types/check-types'
import type { AnalyticsStore } from '@driftline/platform/analytics/analytics-store'
import type { Clock } from '@driftline/platform/clock'
import type { HotState } from '@driftline/platform/hot-state/hot-state'
import type { Json } from '@driftline/platform/metadata/tables'
import type { BrowserPool } from './browser/browser-pool.ts'
import type { AddressGuard } from './net/address-guard.ts'
import type { GuardedHttp } from './net/guarded-http.ts'
import type { HostLimits } from './net/host-limits.ts'
import type { NetworkPolicies } from './net/network-policies.ts'
import type { Credentials } from './vault/credentials.ts'

/** What a check has to do its work with: one attempt of a step, or one poll of a source. */
export interface CheckContext {
  readonly tenant: string
  /** Process id of the flow, or of what the poll is about. */
  readonly process: string
  /** Aborts at the end of the attempt's time and when somebody cancels; everything that is awaited must end then. */
  readonly signal: AbortSignal
  /** When the attempt's time is over: milliseconds of `performance.now()`. */
  readonly deadlineMs: number
  /** When the run began, milliseconds since the Unix epoch. */
  readonly startedMs: number
  /** Adds a line to the live log. Secrets are masked here, not by the caller; bodies have no place in it. */
  log(text: string, level?: 'info' | 'warn' | 'error'): void
  /** Masks every secret that this run has seen. For what the check puts together itself, such as evidence. */
  mask(text: string): string
  /** Declares a secret, so that it is masked everywhere from now on. */
  secret(text: string): void
}

/** What checks share in a process. */
export interface CheckTools {
  readonly http: GuardedHttp
  readonly guard: AddressGuard
  readonly policies: NetworkPolicies
  readonly limits: HostLimits
  readonly credentials: Credentials
  readonly browsers: BrowserPool
  readonly analytics: AnalyticsStore
  readonly hotState: HotState
  readonly clock: Clock
  readonly files: { readonly allowedRoots: readonly string[] }
}

/** What a check found. Assertions and extractions are judged by the engine, from the facts. */
export interface CheckAnswer {
  /**
   * A fact by its name (see `facts` of the type) and, for some, where in it. `undefined`: there is no such thing.
   * Throws a CheckFailure for a path that cannot be read, such as a wrong JSONPath.
   */
  fact(of: string, path?: string): Json | undefined | Promise<Json | undefined>
  /** What is kept of it and shown to everybody: no body. At most 16 KiB as JSON; the engine cuts it. */
  readonly result: { readonly [name: string]: Json }
  /** Every row that was read, for polls; of `sql` only. */
  rows?(): Promise<readonly { readonly [column: string]: Json }[]>
  /**
   * What is wrong by itself, when no assertion is about the same fact: `status` of 400 or more, `errors` of GraphQL.
   */
  readonly faults?: readonly { readonly of: string; readonly failure: CheckFailure }[]
  /** Start of the body, for people with the right, when the step fails. */
  readonly body?: { readonly text: string; readonly mediaType: string }
  /** Taken when the step fails: after assertions were judged, before `close`. */
  screenshot?(): Promise<Uint8Array | null>
  /** Frees what facts needed, such as a page of a browser; always called, once. */
  close?(): Promise<void>
}

/** One of `services/checker/src/types/`. */
export interface CheckType<Name extends CheckTypeName = CheckTypeName> {
  readonly name: Name
  /**
   * Asks the target once. Errors: CheckFailure for all that the target, the network or the configuration does; what
   * else it throws is a defect of ours and ends the step as `internal`.
   */
  run(config: CheckConfigOf<Name>, context: CheckContext): Promise<CheckAnswer>
}

/** Makes a type of check; importing it does nothing. */
export type CreateCheckType<Name extends CheckTypeName = CheckTypeName> = (tools: CheckTools) => CheckType<Name>

/**
 * Why a check did not succeed, for people: `message` names the cause with its numbers, `hint` what to try next.
 * Neither holds bodies or secrets.
 */
export class CheckFailure extends Error {
  /** Stable snake_case word: `connection_refused`, `address_refused`, `assertion_failed`, ... */
  readonly reason: string
  readonly hint: string
  /** Whether another attempt may go better: `always` by itself, `asked` only when the step's author asked for retries. */
  readonly retry: 'never' | 'asked' | 'always'
  /** Wait at least so long, as the target asked (`retry-after`). Milliseconds. */
  readonly retryAfterMs: number

  constructor(
    reason: string,
    message: string,
    options: {
      readonly hint?: string
      readonly retry?: 'never' | 'asked' | 'always'
      readonly retryAfterMs?: number
      readonly cause?: unknown
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'CheckFailure'
    this.reason = reason
    this.hint = options.hint ?? ''
    this.retry = options.retry ?? 'asked'
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}
