import type { Migration } from '../migrations.ts'

export const analyzerCheckpoints: Migration = {
  name: '0002-analyzer-checkpoints',
  statements: ({ text, integer, table }) => [
    table(
      'analyzer_checkpoints',
      `"partition" ${integer} primary key, progress ${integer} not null, state ${text} not null,
      updated_at ${integer} not null`,
    ),
  ],
}
