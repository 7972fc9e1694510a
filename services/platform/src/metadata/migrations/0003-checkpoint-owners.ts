import type { Migration } from '../migrations.ts'

/** How far a checkpoint had come said nothing about whose it was; a version that each new owner raises does. */
export const checkpointOwners: Migration = {
  name: '0003-checkpoint-owners',
  statements: () => ['alter table analyzer_checkpoints rename column progress to version'],
}
