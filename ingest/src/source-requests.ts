import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sealer } from '@driftline/platform/access/sealing'
import type { Clock } from '@driftline/platform/clock'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'
import type { PreviewAnswer, PreviewAsk, ReplayAnswer, ReplayAsk } from './request-types.ts'
import { requestPlace } from './source-asks.ts'
import { withSavedSecrets } from './source-store.ts'

export interface RequestDeskConfig {
  /** Such as `tailer`. */
  readonly service: string
  /** Name of this instance; a definition that names another is left to that one. */
  readonly instance: string
  /** How often it looks and reports; 500 ms without it. */
  readonly everyMs?: number
}

/** A draft, complete: secrets that were not typed anew are those of the saved source. Not validated. */
export type PreviewTask = PreviewAsk & { readonly tenant: string; readonly id: string }
export type ReplayTask = ReplayAsk & { readonly tenant: string }

export interface RequestHandlers {
  /**
   * Runs a preview until `signal` aborts; `report` may be called as often as there is something new: the last one
   * counts, twice a second. When it returns the last answer stays; when it throws the answer is `failed`.
   */
  preview(task: PreviewTask, report: (answer: PreviewAnswer) => void, signal: AbortSignal): Promise<void>
  /** Takes a dead letter in again. When it throws the answer is `refused` with the reason `replay_failed`. */
  replay(task: ReplayTask): Promise<ReplayAnswer>
  /** Whether this instance can answer; of a replay, whether it reads the source. All can, without it. */
  concerns?(task: PreviewTask | ReplayTask): boolean
}

export interface RequestDeskDeps {
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly clock: Clock
  readonly logger: Logger
  readonly handlers: RequestHandlers
}

const EVERY_MS = 500
const LEASE_MS = 15_000
const CLEAN_EVERY_MS = 60_000
/** For handlers that do not end; what they do is not answered then. */
const STOP_WAITS_MS = 3000
const PREVIEW_KEPT_MS = 600_000
/** As long as dead letters are kept. */
const REPLAY_KEPT_MS = 7 * 24 * 3_600_000
const ANSWER_BYTES_MAX = 262_144
const REPLAYS_AT_ONCE = 50
const REPLAY_TAKES_MAX_MS = 30_000
const PREVIEWS_MAX = 20
/** Requests that were looked at and left to others are looked at again after a while: a source may be new here. */
const PASSED_FOR_MS = 3000
const PASSED_MAX = 1000

interface LivePreview {
  readonly tenant: string
  readonly id: string
  readonly abort: AbortController
  done: Promise<void>
  answer: PreviewAnswer | null
  reported: PreviewAnswer | null
}

/** Answers what people ask of the sources of a service. Of several instances one answers each request. */
export function createRequestDesk(config: RequestDeskConfig, deps: RequestDeskDeps): Component {
  const { logger, clock, handlers } = deps
  // Two that were given one name by mistake are still two, and so is one that starts again.
  const desk = `${config.service} ${config.instance} ${randomUUID()}`
  const live = new Map<string, LivePreview>()
  const passed = new Map<string, number>()
  const replaying = new Set<Promise<void>>()
  const store = createRequestStore(config, desk, deps)
  let cleanedAtMs = 0
  let timers: NodeJS.Timeout[] = []
  let stopped = false
  let failed = false
  let polling: Promise<void> | null = null
  let reporting: Promise<void> | null = null

  const poll = async (): Promise<void> => {
    const nowMs = clock.nowMs()
    if (nowMs - cleanedAtMs >= CLEAN_EVERY_MS) {
      cleanedAtMs = nowMs
      await store.clean(nowMs)
    }
    const open = await store.open(nowMs)
    const keys = new Set(open.map(keyOf))
    for (const [key, each] of live) if (!keys.has(key)) each.abort.abort()
    for (const row of open) {
      if (stopped) return
      const key = keyOf(row)
      if (row.leased_until.getTime() > nowMs || live.has(key) || (passed.get(key) ?? 0) > nowMs) continue
      if (row.kind === 'preview' ? live.size >= PREVIEWS_MAX : replaying.size >= REPLAYS_AT_ONCE) continue
      try {
        await take(row, nowMs)
      } catch (error) {
        if (error instanceof AppError) throw error
        // A request that we stumble over must not keep us from those behind it.
        logger.error({ component: 'source-requests', error }, 'a request cannot be taken up')
        passed.set(key, nowMs + PASSED_FOR_MS)
      }
    }
    await store.renew([...live.values()], nowMs)
  }

  const take = async (row: RequestRow, nowMs: number): Promise<void> => {
    const task = await store.taskOf(row)
    if ('problem' in task) {
      if (await store.claim(row, nowMs)) await store.finish(row, 'failed', failure(row, task.problem))
      return
    }
    if (!isOurs(task.value)) {
      if (passed.size >= PASSED_MAX) passed.clear()
      passed.set(keyOf(row), nowMs + PASSED_FOR_MS)
      return
    }
    if (!(await store.claim(row, nowMs))) return
    if (row.kind === 'preview') startPreview(row, task.value as PreviewTask)
    else {
      const run = runReplay(row, task.value as ReplayTask)
        .catch(sayFailed)
        .finally(() => replaying.delete(run))
      replaying.add(run)
    }
  }

  const isOurs = (task: PreviewTask | ReplayTask): boolean => {
    const named =
      'definition' in task ? (task.definition as { readonly instance?: unknown } | null)?.instance : undefined
    if (typeof named === 'string' && named !== '' && named !== config.instance) return false
    return handlers.concerns?.(task) ?? true
  }

  const startPreview = ({ tenant, id }: RequestRow, task: PreviewTask): void => {
    const abort = new AbortController()
    const preview: LivePreview = { tenant, id, abort, done: Promise.resolve(), answer: null, reported: null }
    const report = (answer: PreviewAnswer): void => {
      if (!abort.signal.aborted) preview.answer = answer
    }
    const run = async (): Promise<void> => {
      let state: 'done' | 'failed' = 'done'
      try {
        await handlers.preview(task, report, abort.signal)
      } catch (error) {
        if (abort.signal.aborted) return
        state = 'failed'
        preview.answer = failedPreview(sayOf(error))
        if (!(error instanceof AppError)) logger.warn({ component: 'source-requests', error }, 'a preview failed')
      } finally {
        live.delete(`${tenant} ${id}`)
      }
      if (!abort.signal.aborted)
        await store.finish({ tenant, id, kind: 'preview' }, state, preview.answer).catch(sayFailed)
    }
    live.set(`${tenant} ${id}`, preview)
    preview.done = run()
  }

  const runReplay = async (row: RequestRow, task: ReplayTask): Promise<void> => {
    const answer = await inTime(async () => handlers.replay(task)).catch((error: unknown): ReplayAnswer => {
      logger.warn({ component: 'source-requests', error }, 'a replay failed')
      return { outcome: 'refused', reason: 'replay_failed', detail: sayOf(error) }
    })
    await store.finish(row, 'done', answer)
  }

  const report = async (): Promise<void> => {
    for (const preview of live.values()) {
      const { answer } = preview
      if (answer === null || answer === preview.reported) continue
      if (!(await store.report(preview, answer))) preview.abort.abort()
      preview.reported = answer
    }
  }

  const sayFailed = (error: unknown): void => {
    if (!failed) logger.warn({ component: 'source-requests', error }, 'requests cannot be answered now')
    failed = true
  }
  const onPoll = (): void => {
    if (polling !== null) return
    polling = poll()
      .then(() => {
        failed = false
      }, sayFailed)
      .finally(() => {
        polling = null
      })
  }
  const onReport = (): void => {
    if (reporting !== null || live.size === 0) return
    reporting = report()
      .catch(sayFailed)
      .finally(() => {
        reporting = null
      })
  }

  return {
    name: 'source-requests',
    async start() {
      stopped = false
      const everyMs = config.everyMs ?? EVERY_MS
      timers = [setInterval(onPoll, everyMs), setInterval(onReport, everyMs)]
    },
    async stop() {
      stopped = true
      for (const timer of timers) clearInterval(timer)
      await Promise.all([polling, reporting])
      const running = [...live.values()]
      for (const { abort } of running) abort.abort()
      const ended = Promise.all([...replaying, ...running.map(({ done }) => done)])
      const patience = new AbortController()
      await Promise.race([ended, sleep(STOP_WAITS_MS, undefined, { signal: patience.signal }).catch(() => {})])
      patience.abort()
      // Another instance takes over at once instead of waiting for the lease to end.
      await store.release(running).catch(sayFailed)
    },
  }
}

/** Errors: `timeout`, and those of the work. */
async function inTime<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError('timeout', 'The replay took too long')), REPLAY_TAKES_MAX_MS)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

interface RequestKey {
  readonly tenant: string
  readonly id: string
}

interface RequestRow extends RequestKey {
  readonly kind: string
  readonly leased_until: Date
  readonly expires_at: Date
}

const keyOf = ({ tenant, id }: RequestKey): string => `${tenant} ${id}`

const sayOf = (error: unknown): string =>
  error instanceof AppError ? error.message : 'Something unexpected went wrong; the log of the service has it'

function failedPreview(message: string): PreviewAnswer {
  return { state: 'failed', message, perSecond: 0, items: [], unmapped: [], detected: null }
}

function failure(row: RequestRow, detail: string): PreviewAnswer | ReplayAnswer {
  return row.kind === 'preview' ? failedPreview(detail) : { outcome: 'refused', reason: 'replay_failed', detail }
}

/** The statements of a desk. A request is claimed, reported and finished by conditional updates only. */
function createRequestStore(config: RequestDeskConfig, owner: string, { metadata, sealer, clock }: RequestDeskDeps) {
  const { service } = config
  const ofOwner = ({ tenant, id }: RequestKey) =>
    metadata.db
      .updateTable('source_requests')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .where('state', '=', 'open')
      .where('lease_owner', '=', owner)
  return {
    open(nowMs: number): Promise<RequestRow[]> {
      return metadata.db
        .selectFrom('source_requests')
        .select(['tenant', 'id', 'kind', 'leased_until', 'expires_at'])
        .where('service', '=', service)
        .where('expires_at', '>', new Date(nowMs))
        .where('state', '=', 'open')
        .orderBy('created_at')
        .limit(1000)
        .execute()
    },

    async taskOf(row: RequestKey): Promise<{ value: PreviewTask | ReplayTask } | { problem: string }> {
      const { tenant, id } = row
      const found = await metadata.db
        .selectFrom('source_requests')
        .select(['kind', 'sealed'])
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .executeTakeFirst()
      if (found === undefined) return { problem: 'It was taken back' }
      try {
        const asked = JSON.parse(sealer.open(requestPlace(tenant, id), found.sealed)) as PreviewAsk | ReplayAsk
        if (found.kind === 'replay') return { value: { ...(asked as ReplayAsk), tenant } }
        return { value: { ...(await withSavedSecrets(metadata, sealer, tenant, asked as PreviewAsk)), tenant, id } }
      } catch (error) {
        if (error instanceof AppError && error.retryable) throw error
        return { problem: error instanceof AppError ? error.message : 'What is asked cannot be read' }
      }
    },

    /** A replay is executed once: whoever claims it keeps it, also when it dies meanwhile. */
    async claim(row: RequestRow, nowMs: number): Promise<boolean> {
      const until = row.kind === 'replay' ? row.expires_at : new Date(nowMs + LEASE_MS)
      const result = await metadata.db
        .updateTable('source_requests')
        .set({ lease_owner: owner, leased_until: until })
        .where('tenant', '=', row.tenant)
        .where('id', '=', row.id)
        .where('state', '=', 'open')
        .where('leased_until', '<=', new Date(nowMs))
        .executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    },

    async renew(previews: readonly RequestKey[], nowMs: number): Promise<void> {
      if (previews.length === 0) return
      await metadata.db
        .updateTable('source_requests')
        .set({ leased_until: new Date(nowMs + LEASE_MS) })
        .where('service', '=', service)
        .where('kind', '=', 'preview')
        .where('state', '=', 'open')
        .where('lease_owner', '=', owner)
        .where('leased_until', '<', new Date(nowMs + (LEASE_MS * 2) / 3))
        .where(
          'id',
          'in',
          previews.map(({ id }) => id),
        )
        .execute()
    },

    /** False when it is no longer ours to answer. */
    async report(row: RequestKey, answer: PreviewAnswer): Promise<boolean> {
      const updated_at = new Date(clock.nowMs())
      const result = await ofOwner(row)
        .set({ answer: boundAnswer(answer), updated_at })
        .executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    },

    /** What was asked is not kept any longer than it is needed. */
    async finish(
      row: RequestKey & { readonly kind: string },
      state: 'done' | 'failed',
      answer: PreviewAnswer | ReplayAnswer | null,
    ): Promise<void> {
      const now = new Date(clock.nowMs())
      const bounded = answer === null ? null : boundAnswer(answer)
      // Nobody has to look for a replay that is done; a preview stays readable while somebody renews it.
      const ends = row.kind === 'replay' ? { expires_at: now } : {}
      await ofOwner(row)
        .set({ state, answer: bounded, sealed: '', updated_at: now, ...ends })
        .execute()
    },

    async release(previews: readonly RequestKey[]): Promise<void> {
      for (const preview of previews)
        await ofOwner(preview)
          .set({ leased_until: new Date(0) })
          .execute()
    },

    async clean(nowMs: number): Promise<void> {
      const before = (kind: 'preview' | 'replay', keptMs: number) =>
        metadata.db
          .deleteFrom('source_requests')
          .where('service', '=', service)
          .where('kind', '=', kind)
          .where('expires_at', '<', new Date(nowMs - keptMs))
          .execute()
      await before('preview', PREVIEW_KEPT_MS)
      await before('replay', REPLAY_KEPT_MS)
    },
  }
}

/** At most 256 KiB: the oldest items, which stand last, go first. */
function boundAnswer(answer: PreviewAnswer | ReplayAnswer): Json {
  let bounded = answer
  while (Buffer.byteLength(JSON.stringify(bounded)) > ANSWER_BYTES_MAX) {
    if (!('items' in bounded)) {
      const detail = 'detail' in bounded ? bounded.detail.slice(0, 1000) : ''
      return { outcome: 'refused', reason: 'replay_failed', detail }
    }
    if (bounded.items.length > 0) bounded = { ...bounded, items: bounded.items.slice(0, -1) }
    else if (bounded.unmapped.length > 0) bounded = { ...bounded, unmapped: [] }
    else bounded = { ...failedPreview(bounded.message.slice(0, 1000)), perSecond: bounded.perSecond }
  }
  return bounded as unknown as Json
}
