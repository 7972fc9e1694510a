import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { AlertStatusName, SeverityName } from '@driftline/platform/metadata/tables'

export interface TestEpisode {
  readonly id: string
  readonly process: string
  readonly openedAtMs: number
  readonly anomalyIds: readonly string[]
  readonly status?: AlertStatusName
  readonly severity?: SeverityName
  readonly tenant?: string
}

/** An alert in the metadata store, as the alerter makes it, with one delivery. */
export async function keepEpisode(metadata: Metadata, episode: TestEpisode): Promise<void> {
  const { tenant = 'default', status = 'open', severity = 'warning', id, process } = episode
  const openedAt = new Date(episode.openedAtMs)
  await metadata.db
    .insertInto('alert_episodes')
    .values({
      tenant,
      id,
      process,
      status,
      severity,
      episode_key: `${process} ${id}`,
      open_key: status === 'resolved' ? null : `${tenant} ${process} ${id}`,
      anomaly_id: episode.anomalyIds[0] ?? '',
      rule: 'warning_anomaly',
      type: 'performance_degradation',
      message: `CPU of ${process} is high`,
      recipients: ['webhook:https://example.org'],
      opened_at: openedAt,
      updated_at: openedAt,
      acknowledged_at: null,
      acknowledged_by: null,
      resolved_at: null,
      resolved_by: null,
      version: 1,
      published_version: 1,
    })
    .execute()
  for (const anomaly of episode.anomalyIds) {
    await metadata.db
      .insertInto('alert_anomalies')
      .values({ tenant, anomaly_id: anomaly, alert_id: id, active: true, revision: 1, updated_at: openedAt })
      .execute()
  }
  await metadata.db
    .insertInto('alert_deliveries')
    .values({
      tenant,
      id: `delivery-${id}`,
      alert_id: id,
      alert_version: 1,
      channel: 'ops',
      target: 'https://example.org',
      event: 'opened',
      payload: {},
      state: 'pending',
      attempts: 1,
      created_at: openedAt,
      next_attempt_at: openedAt,
      delivered_at: null,
      leased_until: openedAt,
      lease_owner: null,
      last_error: 'the receiver answered 500',
    })
    .execute()
}
