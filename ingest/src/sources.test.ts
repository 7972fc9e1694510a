import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@driftline/platform/clock'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { afterAll } from 'vitest'
import { describeSourceRequests } from './source-requests.contract.ts'
import { describeSourceStatus } from './source-status.contract.ts'
import { describeSourceStore } from './source-store.contract.ts'
import type { OpenMetadata } from './testing/sources-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-sources-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const sqlite =
  (name: string): OpenMetadata =>
  (logger) =>
    createSqliteMetadata({ file: join(directory, name) }, { logger, clock: systemClock })

describeSourceStore('sources on SQLite', sqlite('store.sqlite'))
describeSourceStatus('status of sources on SQLite', sqlite('status.sqlite'))
describeSourceRequests('previews and replays on SQLite', sqlite('requests.sqlite'))
