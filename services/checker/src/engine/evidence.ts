import { create } from '@bufbuild/protobuf'
import type { Logger } from '@driftline/platform/logger'
import { RunEvidenceSchema } from '@driftline/proto'
import { BODY_BYTES_MAX, boundBytes, SCREENSHOT_BYTES_MAX } from '../assess/bounds.ts'
import type { Masker } from '../assess/masking.ts'
import type { RunPublisher } from './run-publisher.ts'

export interface EvidencePlace {
  readonly tenant: string
  readonly process: string
  readonly run: string
  readonly stepNumber: number
  readonly attempt: number
  readonly timeMs: number
}

/** Keeps what failed steps saw, apart from the runs themselves. Both answer whether it is kept. */
export interface Evidence {
  body(place: EvidencePlace, body: { readonly text: string; readonly mediaType: string }, masker: Masker): boolean
  screenshot(place: EvidencePlace, picture: Uint8Array): boolean
}

/** While the bus is away so much waits; further evidence is let go, for runs must not wait for it. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024

export function createEvidence(publisher: RunPublisher, logger: Logger): Evidence {
  let waitingBytes = 0
  const keep = (place: EvidencePlace, kind: string, mediaType: string, content: Uint8Array): boolean => {
    if (waitingBytes + content.length > WAITING_BYTES_MAX) return false
    waitingBytes += content.length
    const { timeMs, ...names } = place
    const evidence = create(RunEvidenceSchema, { ...names, timeMs: BigInt(timeMs), kind, mediaType, content })
    publisher
      .evidence(evidence)
      .catch((error: unknown) => logger.warn({ component: 'evidence', run: place.run, error }, 'evidence was lost'))
      .finally(() => {
        waitingBytes -= content.length
      })
    return true
  }
  return {
    body(place, { text, mediaType }, masker) {
      // Masked before it is cut; the check itself may have cut it already.
      const masked = masker.mask(text, { isCut: true })
      return keep(place, 'body', mediaType.slice(0, 200), boundBytes(masked, BODY_BYTES_MAX))
    },
    screenshot(place, picture) {
      return picture.length <= SCREENSHOT_BYTES_MAX && keep(place, 'screenshot', mediaTypeOf(picture), picture)
    },
  }
}

const mediaTypeOf = (picture: Uint8Array): string =>
  picture[0] === 0xff && picture[1] === 0xd8 ? 'image/jpeg' : 'image/png'
