import type { Migration } from '../migrations.ts'

/** Where data comes from, how each source is doing, and what people ask the services that read them. */
export const sourcesAndRequests: Migration = {
  name: '0005-sources',
  statements: ({ text, integer, table }) => [
    table(
      'sources',
      `tenant ${text} not null, id ${text} not null, kind ${text} not null, name ${text} not null,
      active ${integer} not null, "value" ${text} not null, secrets ${text}, managed_by ${text} not null,
      version ${integer} not null, created_at ${integer} not null, updated_at ${integer} not null,
      updated_by ${text} not null, primary key (tenant, id)`,
    ),
    'create unique index sources_by_name on sources (tenant, kind, name)',
    'create index sources_by_kind on sources (kind, tenant, id)',
    table(
      'source_status',
      `tenant ${text} not null, source ${text} not null, instance ${text} not null, service ${text} not null,
      detail ${text} not null, updated_at ${integer} not null, primary key (tenant, source, instance)`,
    ),
    table(
      'source_requests',
      `tenant ${text} not null, id ${text} not null, kind ${text} not null, service ${text} not null,
      source ${text} not null, sealed ${text} not null, state ${text} not null, answer ${text},
      lease_owner ${text}, leased_until ${integer} not null, created_at ${integer} not null,
      expires_at ${integer} not null, updated_at ${integer} not null, requested_by ${text} not null,
      primary key (tenant, id)`,
    ),
    'create index source_requests_open on source_requests (service, expires_at)',
  ],
}
