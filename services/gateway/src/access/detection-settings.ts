import { actorOf, recordAudit } from '@driftline/platform/access/audit-log'
import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Json } from '@driftline/platform/metadata/tables'
import { type DetectionSettingsBody, detectionSettings } from '../schemas/detection.ts'

/** What people set about the detection of a process, as it stands. */
export interface StoredDetection {
  readonly tenant: string
  readonly process: string
  readonly settings: DetectionSettingsBody
  readonly version: number
  readonly publishedVersion: number
  readonly effectiveAt: Date
  readonly updatedAt: Date
  readonly updatedBy: string
}

export interface DetectionStore {
  one(tenant: string, process: string): Promise<StoredDetection | null>
  /** Replaces what was set; it holds from the next whole second on. */
  put(by: Principal, process: string, settings: DetectionSettingsBody): Promise<StoredDetection>
  /** Goes back to what the installation has, when anything was set. */
  reset(by: Principal, process: string): Promise<StoredDetection | null>
  /** What the detectors have not been told yet, of every tenant; what cannot be read stays, and is not among it. */
  unpublished(limit: number): Promise<StoredDetection[]>
  markPublished(told: Pick<StoredDetection, 'tenant' | 'process' | 'version'>): Promise<void>
}

const SECOND_MS = 1000
/** Of settings that cannot be read each version is said once; a few may be said again when there are more. */
const SAID_MAX = 1000
const noSettings: DetectionSettingsBody = { disabledTypes: [], thresholds: [], expressions: [] }
const columns = [
  'tenant',
  'process',
  'value',
  'version',
  'published_version',
  'effective_at',
  'updated_at',
  'updated_by',
] as const

interface Row {
  readonly tenant: string
  readonly process: string
  readonly value: Json
  readonly version: number
  readonly published_version: number
  readonly effective_at: Date
  readonly updated_at: Date
  readonly updated_by: string
}

export function createDetectionStore({
  metadata,
  clock,
  logger,
}: {
  metadata: Metadata
  clock: Clock
  logger: Logger
}): DetectionStore {
  const said = new Set<string>()
  const sayUnreadable = ({ tenant, process, version }: Row): void => {
    const key = JSON.stringify([tenant, process, version])
    if (said.has(key)) return
    if (said.size >= SAID_MAX) said.clear()
    said.add(key)
    logger.error({ tenant, process, version }, 'settings of detection cannot be read: kept, and not told to detectors')
  }
  const write = async (
    by: Principal,
    process: string,
    settings: DetectionSettingsBody,
    { action, onlyIfSet }: { action: string; onlyIfSet: boolean },
  ): Promise<StoredDetection | null> => {
    const nowMs = clock.nowMs()
    const actor = actorOf(by)
    const effectiveAt = new Date(Math.ceil(nowMs / SECOND_MS) * SECOND_MS)
    const value = JSON.parse(JSON.stringify(settings)) as Json
    const written = { value, effective_at: effectiveAt, updated_at: new Date(nowMs), updated_by: actor }
    return metadata.transaction(async (transaction) => {
      const first = { tenant: by.tenant, process, version: 1, published_version: 0, ...written }
      const row = onlyIfSet
        ? await transaction
            .updateTable('detection_settings')
            .set((expression) => ({ ...written, version: expression('version', '+', 1) }))
            .where('tenant', '=', by.tenant)
            .where('process', '=', process)
            .returning(columns)
            .executeTakeFirst()
        : await transaction
            .insertInto('detection_settings')
            .values(first)
            .onConflict((conflict) =>
              conflict.columns(['tenant', 'process']).doUpdateSet((expression) => ({
                ...written,
                version: expression('detection_settings.version', '+', 1),
              })),
            )
            .returning(columns)
            .executeTakeFirst()
      if (!row) return null
      const subject = `process:${process}`
      await recordAudit(transaction, { tenant: by.tenant, actor, action, subject, detail: value }, nowMs)
      return toStored(row, settings)
    })
  }

  return {
    async one(tenant, process) {
      const row = await metadata.db
        .selectFrom('detection_settings')
        .select(columns)
        .where('tenant', '=', tenant)
        .where('process', '=', process)
        .executeTakeFirst()
      if (!row) return null
      const read = readSettings(row)
      if (read === null) sayUnreadable(row)
      return toStored(row, read ?? noSettings)
    },
    async put(by, process, settings) {
      return (await write(by, process, settings, { action: 'detection.update', onlyIfSet: false }))!
    },
    reset: (by, process) => write(by, process, noSettings, { action: 'detection.reset', onlyIfSet: true }),
    async unpublished(limit) {
      const waiting: StoredDetection[] = []
      // What cannot be read must not stand in the way of what comes after it.
      for (let offset = 0; ; offset += limit) {
        const rows = await metadata.db
          .selectFrom('detection_settings')
          .select(columns)
          .whereRef('version', '>', 'published_version')
          .orderBy('updated_at')
          .orderBy('tenant')
          .orderBy('process')
          .limit(limit)
          .offset(offset)
          .execute()
        for (const row of rows) {
          const read = readSettings(row)
          if (read === null) sayUnreadable(row)
          else waiting.push(toStored(row, read))
        }
        if (rows.length < limit || waiting.length >= limit) return waiting.slice(0, limit)
      }
    },
    async markPublished({ tenant, process, version }) {
      await metadata.db
        .updateTable('detection_settings')
        .set({ published_version: version })
        .where('tenant', '=', tenant)
        .where('process', '=', process)
        .where('published_version', '<', version)
        .execute()
    },
  }
}

/** Null for what is not settings, such as what a newer version has stored. */
function readSettings(row: Row): DetectionSettingsBody | null {
  const parsed = detectionSettings.safeParse(row.value)
  return parsed.success ? parsed.data : null
}

function toStored(row: Row, settings: DetectionSettingsBody): StoredDetection {
  return {
    tenant: row.tenant,
    process: row.process,
    settings,
    version: row.version,
    publishedVersion: row.published_version,
    effectiveAt: row.effective_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  }
}
