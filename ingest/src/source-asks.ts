import { createHash } from 'node:crypto'
import type { SealedPlace, Sealer } from '@driftline/platform/access/sealing'
import { createOrderedId } from '@driftline/platform/access/secrets'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { serviceOf } from './definitions/source.ts'
import type { PreviewAnswer, PreviewAsk, ReplayAnswer, ReplayAsk } from './request-types.ts'

export interface PreviewRow {
  readonly id: string
  /** `asked`: no service has taken it up yet; `ended`: it said its last. */
  readonly state: 'asked' | 'running' | 'ended' | 'expired'
  readonly answer: PreviewAnswer | null
  readonly askedAt: Date
  readonly updatedAt: Date
  /** `user:<id>` or `key:<id>`. */
  readonly requestedBy: string
}

export interface ReplayState {
  /** `unanswered`: whoever had it went away before it answered; it may have been taken in. */
  readonly state: 'waiting' | 'running' | 'accepted' | 'refused' | 'unanswered'
  readonly answer: ReplayAnswer | null
  readonly updatedAt: Date
}

/** Asks the services that read sources, for people. Every call is inside one tenant. */
export interface SourceAsks {
  /** Errors: `rate_limited` when too many are open, `value_invalid`, `secret_unreadable`. */
  preview(tenant: string, ask: PreviewAsk, by: string): Promise<{ readonly id: string }>
  /** Null for one that is not known, or no longer. */
  readPreview(tenant: string, id: string): Promise<PreviewRow | null>
  /** Keeps it alive for another 30 s; false when it has ended. */
  renewPreview(tenant: string, id: string): Promise<boolean>
  cancelPreview(tenant: string, id: string): Promise<void>
  /**
   * Asks for replays, at most 1,000 at once; letters whose replay is still open are not asked for again. Answers how
   * many were asked for. Errors: `rate_limited` when more than 10,000 are open, `value_invalid`.
   */
  replay(tenant: string, service: string, asks: readonly ReplayAsk[], by: string): Promise<number>
  /** By the letters' ids; letters that nobody asked for are missing. */
  replayStates(tenant: string, letters: readonly string[]): Promise<ReadonlyMap<string, ReplayState>>
}

const PREVIEW_LIVES_MS = 30_000
/** Long enough for a service that restarts. */
const REPLAY_WAITS_MS = 600_000
const PREVIEWS_OPEN_MAX = 20
const REPLAYS_OPEN_MAX = 10_000
const REPLAYS_PER_CALL = 1000
const ASK_BYTES_MAX = 1_048_576
const ROWS_PER_STATEMENT = 200

/** Where a request is sealed to. */
export const requestPlace = (tenant: string, id: string): SealedPlace => ({ purpose: 'source-request', tenant, id })

/** Derived from the letter, so that a letter has one replay at a time and its state is found by the letter. */
const replayId = (letter: string): string => `replay_${createHash('sha256').update(letter).digest('hex').slice(0, 32)}`

export function createSourceAsks(deps: {
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly clock: Clock
}): SourceAsks {
  const { metadata, clock } = deps
  const { db } = metadata
  return {
    async preview(tenant, ask, by) {
      const nowMs = clock.nowMs()
      if ((await countOpen(deps, tenant, 'preview')) >= PREVIEWS_OPEN_MAX) {
        throw new AppError('rate_limited', `${PREVIEWS_OPEN_MAX} previews are open: close one first`, {
          retryable: true,
        })
      }
      const id = `preview_${createOrderedId(nowMs)}`
      const row = requestRow(
        deps,
        { tenant, id, kind: 'preview', service: serviceOf[ask.kind], source: ask.source, by },
        ask,
      )
      await db
        .insertInto('source_requests')
        .values({ ...row, expires_at: new Date(nowMs + PREVIEW_LIVES_MS) })
        .execute()
      return { id }
    },

    async readPreview(tenant, id) {
      const row = await db
        .selectFrom('source_requests')
        .select(['state', 'answer', 'leased_until', 'expires_at', 'created_at', 'updated_at', 'requested_by'])
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('kind', '=', 'preview')
        .executeTakeFirst()
      if (row === undefined) return null
      const nowMs = clock.nowMs()
      const isClaimed = row.leased_until.getTime() > nowMs || row.answer !== null
      const whileOpen = row.expires_at.getTime() <= nowMs ? 'expired' : isClaimed ? 'running' : 'asked'
      return {
        id,
        state: row.state === 'open' ? whileOpen : 'ended',
        answer: row.answer as unknown as PreviewAnswer | null,
        askedAt: row.created_at,
        updatedAt: row.updated_at,
        requestedBy: row.requested_by,
      }
    },

    async renewPreview(tenant, id) {
      const nowMs = clock.nowMs()
      const result = await db
        .updateTable('source_requests')
        .set({ expires_at: new Date(nowMs + PREVIEW_LIVES_MS) })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('kind', '=', 'preview')
        .where('state', '=', 'open')
        .where('expires_at', '>', new Date(nowMs))
        .executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    },

    async cancelPreview(tenant, id) {
      await db
        .deleteFrom('source_requests')
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('kind', '=', 'preview')
        .execute()
    },

    replay: (tenant, service, asks, by) => askReplays(deps, tenant, service, asks, by),

    async replayStates(tenant, letters) {
      const byId = new Map(letters.map((letter) => [replayId(letter), letter]))
      const states = new Map<string, ReplayState>()
      const ids = [...byId.keys()]
      for (let first = 0; first < ids.length; first += ROWS_PER_STATEMENT) {
        const rows = await db
          .selectFrom('source_requests')
          .select(['id', 'state', 'answer', 'leased_until', 'expires_at', 'updated_at'])
          .where('tenant', '=', tenant)
          .where('kind', '=', 'replay')
          .where('id', 'in', ids.slice(first, first + ROWS_PER_STATEMENT))
          .execute()
        for (const row of rows) states.set(byId.get(row.id)!, replayState(row, clock.nowMs()))
      }
      return states
    },
  }
}

function replayState(
  row: { state: string; answer: unknown; leased_until: Date; expires_at: Date; updated_at: Date },
  nowMs: number,
): ReplayState {
  const answer = row.answer as ReplayAnswer | null
  const updatedAt = row.updated_at
  if (row.state !== 'open') return { state: answer?.outcome ?? 'unanswered', answer, updatedAt }
  if (row.expires_at.getTime() <= nowMs) return { state: 'unanswered', answer, updatedAt }
  return { state: row.leased_until.getTime() > nowMs ? 'running' : 'waiting', answer, updatedAt }
}

type Deps = { readonly metadata: Metadata; readonly sealer: Sealer; readonly clock: Clock }

async function askReplays(
  deps: Deps,
  tenant: string,
  service: string,
  asks: readonly ReplayAsk[],
  by: string,
): Promise<number> {
  if (asks.length > REPLAYS_PER_CALL) {
    throw new AppError('value_invalid', `At most ${REPLAYS_PER_CALL} letters can be replayed at once`)
  }
  if ((await countOpen(deps, tenant, 'replay')) + asks.length > REPLAYS_OPEN_MAX) {
    throw new AppError('rate_limited', `More than ${REPLAYS_OPEN_MAX} replays would wait: let some be done first`, {
      retryable: true,
    })
  }
  const now = new Date(deps.clock.nowMs())
  const unique = [...new Map(asks.map((ask) => [ask.letter, ask])).values()]
  const rows = unique.map((ask) => {
    const about = { tenant, id: replayId(ask.letter), kind: 'replay', service, source: ask.source, by }
    return { ...requestRow(deps, about, ask), expires_at: new Date(now.getTime() + REPLAY_WAITS_MS) }
  })
  let asked = 0
  for (let first = 0; first < rows.length; first += ROWS_PER_STATEMENT) {
    const result = await deps.metadata.db
      .insertInto('source_requests')
      .values(rows.slice(first, first + ROWS_PER_STATEMENT))
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'id'])
          .doUpdateSet(({ ref }) => ({
            service: ref('excluded.service'),
            source: ref('excluded.source'),
            sealed: ref('excluded.sealed'),
            state: ref('excluded.state'),
            answer: ref('excluded.answer'),
            lease_owner: ref('excluded.lease_owner'),
            leased_until: ref('excluded.leased_until'),
            created_at: ref('excluded.created_at'),
            expires_at: ref('excluded.expires_at'),
            updated_at: ref('excluded.updated_at'),
            requested_by: ref('excluded.requested_by'),
          }))
          // One that is open is left alone: somebody may be at it.
          .where(({ or, eb }) =>
            or([eb('source_requests.state', '!=', 'open'), eb('source_requests.expires_at', '<=', now)]),
          ),
      )
      .returning('id')
      .execute()
    asked += result.length
  }
  return asked
}

interface About {
  readonly tenant: string
  readonly id: string
  readonly kind: string
  readonly service: string
  readonly source: string
  readonly by: string
}

function requestRow({ sealer, clock }: Deps, about: About, ask: PreviewAsk | ReplayAsk) {
  const { tenant, id, kind, service, source, by } = about
  const text = JSON.stringify(ask)
  if (text.length > ASK_BYTES_MAX) throw new AppError('value_invalid', 'What is asked is larger than 1 MiB')
  const now = new Date(clock.nowMs())
  return {
    tenant,
    id,
    kind,
    service,
    source,
    sealed: sealer.seal(requestPlace(tenant, id), text),
    state: 'open' as const,
    answer: null,
    lease_owner: null,
    leased_until: new Date(0),
    created_at: now,
    updated_at: now,
    requested_by: by,
  }
}

async function countOpen({ metadata, clock }: Deps, tenant: string, kind: 'preview' | 'replay'): Promise<number> {
  const { many } = await metadata.db
    .selectFrom('source_requests')
    .select(({ fn }) => fn.countAll<number>().as('many'))
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('state', '=', 'open')
    .where('expires_at', '>', new Date(clock.nowMs()))
    .executeTakeFirstOrThrow()
  return Number(many)
}
