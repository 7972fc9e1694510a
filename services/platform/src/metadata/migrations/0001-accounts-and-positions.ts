import type { Migration } from '../migrations.ts'

export const accountsAndPositions: Migration = {
  name: '0001-accounts-and-positions',
  statements: ({ text, integer, table }) => [
    table('tenants', `tenant ${text} primary key, name ${text} not null, created_at ${integer} not null`),
    table(
      'users',
      `tenant ${text} not null references tenants, id ${text} not null, username ${text} not null,
      password_hash ${text} not null, role ${text} not null, active ${integer} not null,
      created_at ${integer} not null, updated_at ${integer} not null, password_set_at ${integer} not null,
      last_sign_in_at ${integer}, primary key (tenant, id), unique (tenant, username)`,
    ),
    table(
      'sessions',
      `tenant ${text} not null, token_hash ${text} not null unique, user_id ${text} not null,
      created_at ${integer} not null, last_used_at ${integer} not null, expires_at ${integer} not null,
      address ${text} not null, primary key (tenant, token_hash),
      foreign key (tenant, user_id) references users (tenant, id) on delete cascade`,
    ),
    'create index sessions_by_user on sessions (tenant, user_id)',
    'create index sessions_by_expiry on sessions (expires_at)',
    table(
      'api_keys',
      `tenant ${text} not null references tenants, id ${text} not null, name ${text} not null,
      key_hash ${text} not null unique, prefix ${text} not null, role ${text} not null, created_by ${text} not null,
      created_at ${integer} not null, last_used_at ${integer}, revoked_at ${integer}, primary key (tenant, id)`,
    ),
    table(
      'process_settings',
      `tenant ${text} not null, process ${text} not null, category ${text}, tags ${text} not null,
      description ${text}, active ${integer} not null, updated_at ${integer} not null, updated_by ${text} not null,
      primary key (tenant, process)`,
    ),
    table(
      'settings',
      `tenant ${text} not null, "key" ${text} not null, "value" ${text}, updated_at ${integer} not null,
      updated_by ${text} not null, primary key (tenant, "key")`,
    ),
    table(
      'audit_log',
      `tenant ${text} not null, id ${text} not null, "at" ${integer} not null, actor ${text} not null,
      "action" ${text} not null, subject ${text} not null, detail ${text}, primary key (tenant, id)`,
    ),
    table(
      'writer_positions',
      `topic ${text} not null, "partition" ${integer} not null, next_offset ${integer} not null, intent ${text},
      sequences ${text} not null, version ${integer} not null, primary key (topic, "partition")`,
    ),
    table('install', `id ${text} primary key, created_at ${integer} not null`),
  ],
}
