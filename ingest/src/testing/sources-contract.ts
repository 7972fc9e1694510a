import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import { createSealer, type Sealer } from '@driftline/platform/access/sealing'
import type { Component } from '@driftline/platform/lifecycle'
import { createLogger, type Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { afterAll, beforeAll, describe, expect } from 'vitest'

/** Opens the same, initially empty database each time it is called within one test file. */
export type OpenMetadata = (logger: Logger) => Metadata

/** What the tests of sources share: one database, and a clock that runs and can be put forward. */
export interface SourcesRig {
  readonly metadata: Metadata
  readonly sealer: Sealer
  readonly clock: { nowMs(): number; skip(ms: number): void }
  readonly logger: Logger
  /** Everything that was logged. */
  logged(): string
  /** Every row of every table of sources, as text. */
  stored(): Promise<string>
  /** Starts a component; it is stopped at the end. */
  run<T extends Component>(component: T): Promise<T>
}

/** Appears in secrets only, so that it is found wherever one leaks to. */
export const CANARY = 'canary-5e1f'

/** Waits for a condition and not for a time. */
export async function eventually(what: string, holds: () => unknown): Promise<void> {
  await expect.poll(holds, { timeout: 30_000, interval: 20, message: what }).toBeTruthy()
}

/** Runs a suite over one database; at its end no secret may stand in a row or in the log. */
export function describeOver(title: string, open: OpenMetadata, suite: (rig: () => SourcesRig) => void): void {
  describe(title, () => {
    let rig: SourcesRig | null = null
    const components: Component[] = []
    beforeAll(async () => {
      let text = ''
      const destination = new Writable({
        write(chunk, _encoding, done) {
          text += String(chunk)
          done()
        },
      })
      const logger = createLogger('trace', destination)
      const metadata = open(logger)
      await metadata.start()
      let skippedMs = 0
      rig = {
        metadata,
        logger,
        sealer: createSealer({ key: randomBytes(32) }),
        clock: {
          nowMs: () => Date.now() + skippedMs,
          skip: (ms) => {
            skippedMs += ms
          },
        },
        logged: () => text,
        stored: () => storedText(metadata),
        async run(component) {
          components.push(component)
          await component.start()
          return component
        },
      }
    })
    afterAll(async () => {
      if (rig === null) return
      for (const component of components.reverse()) await component.stop()
      expect(await rig.stored()).not.toContain(CANARY)
      expect(rig.logged()).not.toContain(CANARY)
      await rig.metadata.stop()
    })
    suite(() => rig!)
  })
}

async function storedText({ db }: Metadata): Promise<string> {
  const tables = await Promise.all([
    db.selectFrom('sources').selectAll().execute(),
    db.selectFrom('source_status').selectAll().execute(),
    db.selectFrom('source_requests').selectAll().execute(),
    db.selectFrom('audit_log').selectAll().execute(),
  ])
  return JSON.stringify(tables)
}
