import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'
import { createSourceMeter, type MeterOfBoard, type SourceMeter } from './source-meter.ts'
import type { SourceStatusDetail } from './status-detail.ts'

export type { SourceMeter } from './source-meter.ts'

export interface StatusBoardConfig {
  /** Such as `tailer`. */
  readonly service: string
  /** Name of this instance, stable over restarts. */
  readonly instance: string
  /** 2 s without it. */
  readonly everyMs?: number
}

/** How sources are doing at this instance, written for people to see. */
export interface StatusBoard extends Component {
  /** The meter of a source; made on first use. */
  of(source: { readonly tenant: string; readonly id: string }): SourceMeter
  /** The source is no longer read here: its row is removed. */
  drop(source: { readonly tenant: string; readonly id: string }): void
}

const WRITE_EVERY_MS = 2000
/** Rows that did not change are refreshed after this time, all with one statement. */
const REFRESH_EVERY_MS = 10_000
const CLEAN_EVERY_MS = 60_000
/** Rows of instances that have not been seen for so long are removed. */
const FORGET_AFTER_MS = 3_600_000
/** A row that was not refreshed for this time says nothing of now. */
const STALE_AFTER_MS = 15_000
const ROWS_PER_STATEMENT = 200

interface Kept {
  readonly tenant: string
  readonly id: string
  readonly meter: MeterOfBoard
  /** As it was last written. */
  written: string
}

/** Writes changed rows every 2 s in one transaction, and nothing while nothing changes but a refresh every 10 s. */
export function createStatusBoard(
  config: StatusBoardConfig,
  deps: { readonly metadata: Metadata; readonly clock: Clock; readonly logger: Logger },
): StatusBoard {
  const { metadata, clock, logger } = deps
  const kept = new Map<string, Kept>()
  const dropped = new Map<string, { readonly tenant: string; readonly id: string }>()
  let refreshedAtMs = 0
  let cleanedAtMs = 0
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> = Promise.resolve()
  let failed = false
  let stopped = false

  const write = async (): Promise<void> => {
    const nowMs = clock.nowMs()
    const changed: ChangedRow[] = []
    for (const each of kept.values()) {
      const detail = each.meter.read(nowMs)
      const text = JSON.stringify(detail)
      if (text !== each.written) changed.push({ each, text, detail })
    }
    const gone = [...dropped]
    const refreshes = kept.size > changed.length && nowMs - refreshedAtMs >= REFRESH_EVERY_MS
    const cleans = nowMs - cleanedAtMs >= CLEAN_EVERY_MS
    if (changed.length === 0 && gone.length === 0 && !refreshes && !cleans) return
    const changes = { changed, gone: gone.map(([, source]) => source), refreshes, cleans }
    const refreshed = await writeRows(config, metadata, nowMs, changes)
    for (const { each, text } of changed) each.written = text
    // Somebody removed rows of ours, as after a long absence: all of them are written again.
    if (refreshed < kept.size) for (const each of kept.values()) each.written = ''
    for (const [key, source] of gone) if (dropped.get(key) === source) dropped.delete(key)
    if (refreshes) refreshedAtMs = nowMs
    if (cleans) cleanedAtMs = nowMs
  }
  const writeOrSay = async (): Promise<void> => {
    try {
      await write()
      failed = false
    } catch (error) {
      if (!failed) logger.warn({ component: 'source-status', error }, 'the status of sources cannot be written now')
      failed = true
    }
  }
  const goOn = (): void => {
    timer = setTimeout(() => {
      running = writeOrSay().then(() => {
        if (!stopped) goOn()
      })
    }, config.everyMs ?? WRITE_EVERY_MS)
  }

  return {
    name: 'source-status',
    async start() {
      stopped = false
      goOn()
    },
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      await running
      for (const { meter } of kept.values()) meter.state('stopped')
      await writeOrSay()
    },
    of({ tenant, id }) {
      const key = `${tenant} ${id}`
      const known = kept.get(key)
      if (known !== undefined) return known.meter
      const made: Kept = { tenant, id, meter: createSourceMeter(clock), written: '' }
      kept.set(key, made)
      dropped.delete(key)
      return made.meter
    },
    drop({ tenant, id }) {
      const key = `${tenant} ${id}`
      kept.delete(key)
      dropped.set(key, { tenant, id })
    },
  }
}

interface ChangedRow {
  readonly each: Kept
  readonly text: string
  readonly detail: SourceStatusDetail
}

interface RowChanges {
  readonly changed: readonly ChangedRow[]
  readonly gone: readonly { readonly tenant: string; readonly id: string }[]
  readonly refreshes: boolean
  readonly cleans: boolean
}

/** Answers how many rows were refreshed; infinitely many when that was not asked for. */
async function writeRows(
  { service, instance }: StatusBoardConfig,
  metadata: Metadata,
  nowMs: number,
  { changed, gone, refreshes, cleans }: RowChanges,
): Promise<number> {
  const updated_at = new Date(nowMs)
  const rows = changed.map(({ each, detail }) => ({
    tenant: each.tenant,
    source: each.id,
    instance,
    service,
    detail: detail as unknown as Json,
    updated_at,
  }))
  return metadata.transaction(async (transaction) => {
    let refreshed = Number.POSITIVE_INFINITY
    for (let first = 0; first < rows.length; first += ROWS_PER_STATEMENT) {
      await transaction
        .insertInto('source_status')
        .values(rows.slice(first, first + ROWS_PER_STATEMENT))
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'source', 'instance']).doUpdateSet(({ ref }) => ({
            service: ref('excluded.service'),
            detail: ref('excluded.detail'),
            updated_at: ref('excluded.updated_at'),
          })),
        )
        .execute()
    }
    for (const { tenant, id } of gone) {
      await transaction
        .deleteFrom('source_status')
        .where('tenant', '=', tenant)
        .where('source', '=', id)
        .where('instance', '=', instance)
        .where('service', '=', service)
        .execute()
    }
    if (refreshes) {
      const result = await transaction
        .updateTable('source_status')
        .set({ updated_at })
        .where('service', '=', service)
        .where('instance', '=', instance)
        .executeTakeFirst()
      refreshed = Number(result.numUpdatedRows)
    }
    if (cleans) {
      await transaction
        .deleteFrom('source_status')
        .where('service', '=', service)
        .where(({ or, eb, not, exists, selectFrom }) =>
          or([
            eb('updated_at', '<', new Date(nowMs - FORGET_AFTER_MS)),
            not(
              exists(
                selectFrom('sources')
                  .select('sources.id')
                  .whereRef('sources.tenant', '=', 'source_status.tenant')
                  .whereRef('sources.id', '=', 'source_status.source'),
              ),
            ),
          ]),
        )
        .execute()
    }
    return refreshed
  })
}

/** How a source is doing at one instance, as it was last written. */
export interface SourceStatusRow {
  readonly source: string
  readonly service: string
  readonly instance: string
  readonly updatedAt: Date
  /** The instance has not written for 15 s: it is away, and the detail tells of then. */
  readonly stale: boolean
  readonly detail: SourceStatusDetail
}

/** All that is known of a tenant's sources, ordered by source and instance. */
export async function readSourceStatus(metadata: Metadata, tenant: string, nowMs: number): Promise<SourceStatusRow[]> {
  const rows = await metadata.db
    .selectFrom('source_status')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('source')
    .orderBy('instance')
    .execute()
  return rows.map(({ source, service, instance, updated_at, detail }) => ({
    source,
    service,
    instance,
    updatedAt: updated_at,
    stale: nowMs - updated_at.getTime() > STALE_AFTER_MS,
    detail: detail as unknown as SourceStatusDetail,
  }))
}
