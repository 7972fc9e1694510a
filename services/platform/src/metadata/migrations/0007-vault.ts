import type { Migration } from '../migrations.ts'

/** Credentials of steps and polls, and the keys of tenants that seal them. */
export const vaultAndCredentials: Migration = {
  name: '0007-vault',
  statements: ({ text, integer, table }) => [
    table(
      'vault_keys',
      `tenant ${text} not null, id ${text} not null, sealed ${text} not null, active ${integer} not null,
      created_at ${integer} not null, primary key (tenant, id)`,
    ),
    'create unique index vault_keys_active on vault_keys (tenant) where active = 1',
    table(
      'credentials',
      `tenant ${text} not null, name ${text} not null, id ${text} not null, kind ${text} not null,
      hosts ${text} not null, about ${text} not null, sealed ${text} not null, version ${integer} not null,
      created_at ${integer} not null, updated_at ${integer} not null, updated_by ${text} not null,
      last_used_at ${integer}, primary key (tenant, name)`,
    ),
  ],
}
