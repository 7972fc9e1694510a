import { createBatchScorer } from './batch-scorer.ts'
import { leastOf } from './features.ts'
import { type Forest, trainForest } from './forest.ts'
import { decodeForest, encodeForest } from './forest-bytes.ts'
import { createRandom } from './random.ts'

/** A forest with the scores that its own training points get, from which alarm thresholds follow. */
export interface TrainedModel {
  readonly forest: Forest
  /** The score that the share `tailShares[i]` of the training points exceeds; never falls. */
  readonly tail: Float32Array
}

/** Shares of the training points, largest first. */
export const tailShares: readonly number[] = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002]

/**
 * What differs from the paper, which separates what is rare from what is frequent in one batch: here what is rare but
 * known is to stay calm and what is new to stand out. So every tree knows all points, and splits fall beyond them, too;
 * that costs levels.
 */
const options = { trees: 100, subsample: 1024, depth: 10 } as const
const BEYOND_SHARE = 2

/** `points` as of `trainForest`, on the scales of the features named. */
export function trainModel(points: Float32Array, features: readonly string[], seed: bigint): TrainedModel {
  const featureCount = features.length
  const beyond = { share: BEYOND_SHARE, least: features.map(leastOf) }
  const forest = trainForest(points, featureCount, createRandom(seed), { ...options, beyond })
  const scores = new Float64Array(featureCount === 0 ? 0 : Math.floor(points.length / featureCount))
  createBatchScorer(forest).scoreBatch(points, scores)
  scores.sort()
  const exceeded = (share: number): number => scores[Math.ceil((1 - share) * scores.length) - 1] ?? scores[0] ?? 0.5
  return { forest, tail: Float32Array.from(tailShares, exceeded) }
}

const VERSION = 1
const HEADER_BYTES = 1 + 4 * tailShares.length

/** Version (1 byte), the tail (floats, little-endian), then the forest as `encodeForest` writes it. */
export function encodeModel({ forest, tail }: TrainedModel): Uint8Array {
  const trees = encodeForest(forest)
  const bytes = new Uint8Array(HEADER_BYTES + trees.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  for (const [at, score] of tail.entries()) view.setFloat32(1 + 4 * at, score, true)
  bytes.set(trees, HEADER_BYTES)
  return bytes
}

export type DecodedModel =
  | { readonly kind: 'model'; readonly model: TrainedModel }
  | { readonly kind: 'invalid'; readonly reason: string }

/** Takes bytes from anywhere and never throws. */
export function decodeModel(bytes: Uint8Array): DecodedModel {
  if (bytes.length < HEADER_BYTES) return { kind: 'invalid', reason: 'the model is shorter than its header' }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint8(0)
  if (version !== VERSION) return { kind: 'invalid', reason: `version ${version} of the model is not known` }
  const tail = Float32Array.from(tailShares, (_, at) => view.getFloat32(1 + 4 * at, true))
  const rises = tail.every((score, at) => score > 0 && score <= 1 && (at === 0 || score >= tail[at - 1]!))
  if (!rises) return { kind: 'invalid', reason: 'the scores of the training points make no sense' }
  const decoded = decodeForest(bytes.subarray(HEADER_BYTES))
  return decoded.kind === 'invalid' ? decoded : { kind: 'model', model: { forest: decoded.forest, tail } }
}
