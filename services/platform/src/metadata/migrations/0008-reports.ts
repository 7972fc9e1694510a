import type { Migration } from '../migrations.ts'

/** Reports that are sent by mail: when, to whom, and what became of each mail. */
export const reportSchedules: Migration = {
  name: '0008-reports',
  statements: ({ text, integer, table }) => [
    table(
      'report_schedules',
      `tenant ${text} not null, id ${text} not null, name ${text} not null, active ${integer} not null,
      "value" ${text} not null, version ${integer} not null, due_at ${integer} not null, attempts ${integer} not null,
      lease_owner ${text}, leased_until ${integer} not null, last_error ${text}, created_at ${integer} not null,
      updated_at ${integer} not null, updated_by ${text} not null, primary key (tenant, id)`,
    ),
    'create index report_schedules_due on report_schedules (due_at) where active = 1',
    table(
      'report_files',
      `tenant ${text} not null, id ${text} not null, schedule ${text} not null, subject ${text} not null,
      message ${text} not null, attachments ${text} not null, created_at ${integer} not null, primary key (tenant, id)`,
    ),
    'create index report_files_by_schedule on report_files (tenant, schedule, created_at)',
    table(
      'report_deliveries',
      `tenant ${text} not null, id ${text} not null, file ${text} not null, channel ${text} not null,
      target ${text} not null, payload ${text} not null, state ${text} not null, attempts ${integer} not null,
      created_at ${integer} not null, next_attempt_at ${integer} not null, delivered_at ${integer},
      leased_until ${integer} not null, lease_owner ${text}, last_error ${text}, primary key (tenant, id),
      foreign key (tenant, file) references report_files (tenant, id) on delete cascade`,
    ),
    `create index report_deliveries_due on report_deliveries (channel, next_attempt_at) where state = 'pending'`,
    'create index report_deliveries_by_file on report_deliveries (tenant, file)',
  ],
}
