import type { AlertEpisodesTable, Database, Json } from '@driftline/platform/metadata/tables'
import type { Transaction } from 'kysely'
import { type Episode, episodeKeyOf, type Finding, type Link, type View } from './episode.ts'

type Metadata = Transaction<Database>

/** Everything that the step needs to know before it takes a record in. */
export async function loadView(metadata: Metadata, finding: Finding): Promise<View> {
  const link = await loadLink(metadata, finding)
  const episode =
    link !== null && link.alertId !== null
      ? await loadEpisode(metadata, finding.tenant, link.alertId)
      : await loadEpisodeOfKey(metadata, finding)
  if (!finding.closed || episode === null) return { link, episode, othersActive: false }
  const other = await metadata
    .selectFrom('alert_anomalies')
    .select('anomaly_id')
    .where('tenant', '=', finding.tenant)
    .where('alert_id', '=', episode.id)
    .where('active', '=', true)
    .where('anomaly_id', '!=', finding.id)
    .limit(1)
    .executeTakeFirst()
  return { link, episode, othersActive: other !== undefined }
}

async function loadLink(metadata: Metadata, { tenant, id }: Finding): Promise<Link | null> {
  const row = await metadata
    .selectFrom('alert_anomalies')
    .select(['alert_id', 'active', 'revision'])
    .where('tenant', '=', tenant)
    .where('anomaly_id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : { alertId: row.alert_id, active: row.active, revision: row.revision }
}

export async function loadEpisode(metadata: Metadata, tenant: string, id: string): Promise<Episode | null> {
  const row = await metadata
    .selectFrom('alert_episodes')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? null : toEpisode(row)
}

/** The open one; else the one that was opened last. */
async function loadEpisodeOfKey(metadata: Metadata, finding: Finding): Promise<Episode | null> {
  const key = episodeKeyOf(finding)
  const open = await metadata
    .selectFrom('alert_episodes')
    .selectAll()
    .where('open_key', '=', openKeyOf(finding.tenant, key))
    .executeTakeFirst()
  if (open !== undefined) return toEpisode(open)
  const last = await metadata
    .selectFrom('alert_episodes')
    .selectAll()
    .where('tenant', '=', finding.tenant)
    .where('episode_key', '=', key)
    .orderBy('opened_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last === undefined ? null : toEpisode(last)
}

/**
 * Stores an episode as it has become. Answers false when somebody has changed it since it was read: the transaction
 * must be done again.
 */
export async function saveEpisode(metadata: Metadata, episode: Episode, nowMs: number): Promise<boolean> {
  const row = toRow(episode, nowMs)
  if (episode.version === 1) {
    await metadata
      .insertInto('alert_episodes')
      .values({ ...row, published_version: 0 })
      .execute()
    return true
  }
  const { tenant, id, ...rest } = row
  const saved = await metadata
    .updateTable('alert_episodes')
    .set(rest)
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('version', '=', episode.version - 1)
    .executeTakeFirst()
  return saved.numUpdatedRows === 1n
}

export async function saveLink(metadata: Metadata, finding: Finding, link: Link, nowMs: number): Promise<void> {
  const changes = {
    alert_id: link.alertId,
    active: link.active,
    revision: link.revision,
    updated_at: new Date(nowMs),
  }
  await metadata
    .insertInto('alert_anomalies')
    .values({ tenant: finding.tenant, anomaly_id: finding.id, ...changes })
    .onConflict((conflict) => conflict.columns(['tenant', 'anomaly_id']).doUpdateSet(changes))
    .execute()
}

export function toEpisode(row: Omit<AlertEpisodesTable, 'open_key' | 'updated_at' | 'published_version'>): Episode {
  return {
    tenant: row.tenant,
    id: row.id,
    key: row.episode_key,
    anomalyId: row.anomaly_id,
    process: row.process,
    rule: row.rule,
    type: row.type,
    severity: row.severity,
    status: row.status,
    message: row.message,
    recipients: row.recipients,
    openedAtMs: row.opened_at.getTime(),
    acknowledgedAtMs: row.acknowledged_at?.getTime() ?? null,
    acknowledgedBy: row.acknowledged_by,
    resolvedAtMs: row.resolved_at?.getTime() ?? null,
    resolvedBy: row.resolved_by,
    version: row.version,
  }
}

function toRow(episode: Episode, nowMs: number) {
  return {
    tenant: episode.tenant,
    id: episode.id,
    episode_key: episode.key,
    open_key: episode.status === 'resolved' ? null : openKeyOf(episode.tenant, episode.key),
    anomaly_id: episode.anomalyId,
    process: episode.process,
    rule: episode.rule,
    type: episode.type,
    severity: episode.severity,
    status: episode.status,
    message: episode.message,
    recipients: episode.recipients,
    opened_at: new Date(episode.openedAtMs),
    updated_at: new Date(nowMs),
    acknowledged_at: dateOrNull(episode.acknowledgedAtMs),
    acknowledged_by: episode.acknowledgedBy,
    resolved_at: dateOrNull(episode.resolvedAtMs),
    resolved_by: episode.resolvedBy,
    version: episode.version,
  }
}

const openKeyOf = (tenant: string, key: string): string => `${tenant}/${key}`
const dateOrNull = (timeMs: number | null): Date | null => (timeMs === null ? null : new Date(timeMs))

/** The anomaly that the last message of an alert was about; null without one. */
export async function lastAnomalyOf(metadata: Metadata, tenant: string, alertId: string): Promise<Json> {
  const row = await metadata
    .selectFrom('alert_deliveries')
    .select('payload')
    .where('tenant', '=', tenant)
    .where('alert_id', '=', alertId)
    .orderBy('alert_version', 'desc')
    .limit(1)
    .executeTakeFirst()
  const payload = row?.payload as { readonly data?: { readonly anomaly?: Json } } | undefined
  return payload?.data?.anomaly ?? null
}
