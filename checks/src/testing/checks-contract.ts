import { createLogger, type Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import { afterAll, beforeAll, describe } from 'vitest'

/** Opens an empty database. */
export type OpenMetadata = (logger: Logger) => Metadata

/** What the tests of flows and checks share: one database, and a clock that runs and can be put forward. */
export interface ChecksRig {
  readonly metadata: Metadata
  readonly clock: { nowMs(): number; skip(ms: number): void }
}

export function describeOver(title: string, open: OpenMetadata, suite: (rig: () => ChecksRig) => void): void {
  describe(title, () => {
    let rig: ChecksRig | null = null
    beforeAll(async () => {
      const metadata = open(createLogger('fatal'))
      await metadata.start()
      let skippedMs = 0
      const clock = {
        nowMs: () => Date.now() + skippedMs,
        skip: (ms: number) => {
          skippedMs += ms
        },
      }
      rig = { metadata, clock }
    })
    afterAll(async () => {
      await rig?.metadata.stop()
    })
    suite(() => rig!)
  })
}

/** A flow of one step, valid as it is. */
export const smallFlow = (name: string, more: object = {}): Record<string, unknown> => ({
  name,
  steps: [{ stepName: 'Ask', checkType: 'rest', checkConfiguration: { url: 'https://shop.example/health' } }],
  ...more,
})
