import type { z } from 'zod'
import type { flowDefinition } from '../flow-definition.ts'
import { certificateAndDns, databaseFreshness, publicWebsite } from './elsewhere.ts'
import { demoCrawl, invoiceToCash } from './on-the-demo.ts'
import { driftlineItself, ownHost } from './on-the-product.ts'

/** A flow that people begin with. `definition` is what `readFlow` takes. */
export interface GalleryExample {
  /** Stable; part of an address. */
  readonly id: string
  readonly title: string
  readonly about: string
  /** What to put in, one sentence each, before it can succeed; empty when it runs as it is. */
  readonly needs: readonly string[]
  readonly definition: z.input<typeof flowDefinition>
}

/** What examples about the product itself look at. */
export interface GalleryPlace {
  /** Address of the gateway as the checker reaches it. */
  readonly productHost: string
  readonly productPort: number
  /** Process id of a host that is watched, such as `host:web-1`; empty when none is known. */
  readonly host: string
}

const usualPlace: GalleryPlace = { productHost: '127.0.0.1', productPort: 8080, host: '' }

/** The examples, as they fit an installation. */
export function createGallery(place: GalleryPlace = usualPlace): readonly GalleryExample[] {
  return [
    driftlineItself(place),
    invoiceToCash,
    demoCrawl,
    ownHost(place),
    publicWebsite,
    databaseFreshness,
    certificateAndDns,
  ]
}

export const gallery = createGallery()
