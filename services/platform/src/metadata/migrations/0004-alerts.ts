import type { Migration } from '../migrations.ts'

/** What people handle, what goes out to them, and what they say of findings. */
export const alertsAndVerdicts: Migration = {
  name: '0004-alerts',
  statements: ({ text, integer, table }) => [
    table(
      'alert_episodes',
      `tenant ${text} not null, id ${text} not null, episode_key ${text} not null, open_key ${text} unique,
      anomaly_id ${text} not null, process ${text} not null, rule ${text} not null, type ${text} not null,
      severity ${text} not null, status ${text} not null, message ${text} not null, recipients ${text} not null,
      opened_at ${integer} not null, updated_at ${integer} not null, acknowledged_at ${integer},
      acknowledged_by ${text}, resolved_at ${integer}, resolved_by ${text}, version ${integer} not null,
      published_version ${integer} not null, primary key (tenant, id)`,
    ),
    'create index alert_episodes_by_time on alert_episodes (tenant, opened_at, id)',
    'create index alert_episodes_by_key on alert_episodes (tenant, episode_key, opened_at)',
    'create index alert_episodes_unpublished on alert_episodes (tenant, id) where version > published_version',
    table(
      'alert_anomalies',
      `tenant ${text} not null, anomaly_id ${text} not null, alert_id ${text}, active ${integer} not null,
      revision ${integer} not null, updated_at ${integer} not null, primary key (tenant, anomaly_id),
      foreign key (tenant, alert_id) references alert_episodes (tenant, id) on delete cascade`,
    ),
    'create index alert_anomalies_by_alert on alert_anomalies (tenant, alert_id)',
    table(
      'alert_deliveries',
      `tenant ${text} not null, id ${text} not null, alert_id ${text} not null, alert_version ${integer} not null,
      channel ${text} not null, target ${text} not null, event ${text} not null, payload ${text} not null, state ${text} not null, attempts ${integer} not null,
      created_at ${integer} not null, next_attempt_at ${integer} not null, delivered_at ${integer},
      leased_until ${integer} not null, lease_owner ${text}, last_error ${text}, primary key (tenant, id),
      foreign key (tenant, alert_id) references alert_episodes (tenant, id) on delete cascade`,
    ),
    `create index alert_deliveries_due on alert_deliveries (channel, next_attempt_at) where state = 'pending'`,
    'create index alert_deliveries_by_alert on alert_deliveries (tenant, alert_id)',
    table(
      'alert_requests',
      `tenant ${text} not null, anomaly_id ${text} not null, anomaly ${text} not null, requested_by ${text} not null,
      created_at ${integer} not null, primary key (tenant, anomaly_id)`,
    ),
    table(
      'anomaly_verdicts',
      `tenant ${text} not null, anomaly_id ${text} not null, process ${text} not null, type ${text} not null,
      verdict ${text} not null, decided_by ${text} not null, updated_at ${integer} not null,
      primary key (tenant, anomaly_id)`,
    ),
    table(
      'detection_settings',
      `tenant ${text} not null, process ${text} not null, "value" ${text} not null, version ${integer} not null,
      published_version ${integer} not null, effective_at ${integer} not null, updated_at ${integer} not null,
      updated_by ${text} not null, primary key (tenant, process)`,
    ),
  ],
}
