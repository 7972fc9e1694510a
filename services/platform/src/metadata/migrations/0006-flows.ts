import type { Migration } from '../migrations.ts'

/** Business processes, their versions, their runs that are asked for or under way, and where checks may connect to. */
export const flowsAndChecks: Migration = {
  name: '0006-flows',
  statements: ({ text, integer, table }) => [
    table(
      'flows',
      `tenant ${text} not null, id ${text} not null, name ${text} not null, category ${text} not null,
      active ${integer} not null, "value" ${text} not null, managed_by ${text} not null, version ${integer} not null,
      created_at ${integer} not null, updated_at ${integer} not null, updated_by ${text} not null,
      primary key (tenant, id)`,
    ),
    table(
      'flow_versions',
      `tenant ${text} not null, flow ${text} not null, version ${integer} not null, "value" ${text} not null,
      saved_at ${integer} not null, saved_by ${text} not null, primary key (tenant, flow, version)`,
    ),
    table(
      'checks',
      `tenant ${text} not null, id ${text} not null, flow ${text} not null, flow_version ${integer} not null,
      state ${text} not null, run_trigger ${text} not null, initiated_by ${text} not null,
      initiated_by_name ${text} not null, correlation ${text} not null, requested_at ${integer} not null,
      lease_owner ${text}, leased_until ${integer} not null, cancelled_by ${text}, progress ${text},
      updated_at ${integer} not null, primary key (tenant, id)`,
    ),
    'create index checks_by_state on checks (state, leased_until)',
    'create index checks_by_flow on checks (tenant, flow, requested_at)',
    table(
      'network_policies',
      `tenant ${text} not null primary key, "value" ${text} not null, version ${integer} not null,
      updated_at ${integer} not null, updated_by ${text} not null`,
    ),
  ],
}
