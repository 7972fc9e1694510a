import { defineConfig } from 'vitest/config'

/** Unit tests stand beside the code as `x.test.ts`; tests that need a real server as `x.integration.test.ts`. */
export default defineConfig({
  test: {
    reporters: ['default', './infra/test-table.ts'],
    projects: [
      { test: { name: 'tidy', include: ['infra/tidy/*.tidy.ts'], testTimeout: 60_000, sequence: { groupOrder: 0 } } },
      {
        test: {
          name: 'unit',
          // Simulated days take seconds here, and longer where other work takes the processor.
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/*.integration.test.ts', '**/*.e2e.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 2 },
          include: ['**/*.integration.test.ts'],
          globalSetup: ['infra/servers/desk.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 3 },
          include: ['**/*.e2e.test.ts'],
          globalSetup: ['infra/servers/desk.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
    ],
  },
})
