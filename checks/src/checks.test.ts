import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll } from 'vitest'
import { describeCheckQueue } from './check-queue.contract.ts'
import { describeFlowStore } from './flow-store.contract.ts'
import type { OpenMetadata } from './testing/checks-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-checks-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const sqlite =
  (name: string): OpenMetadata =>
  (logger) =>
    createSqliteMetadata({ file: join(directory, name) }, { logger, clock: systemClock })

describeFlowStore('flows on SQLite', sqlite('flows.sqlite'))
describeCheckQueue('checks on SQLite', sqlite('checks.sqlite'))
