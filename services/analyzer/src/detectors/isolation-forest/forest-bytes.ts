import { DEPTH_MAX, FEATURES_MAX, type Forest, LEAF, SUBSAMPLE_MAX, TREES_MAX } from './forest.ts'

/**
 * A forest as bytes, little-endian: version, number of features (1 byte each), number of trees, subsample (2 each);
 * then the nodes of each tree in preorder: a split is its feature (1 byte) and its threshold (4, float), a leaf is
 * `LEAF` and how many training points reached it (2). What else a node has follows from that.
 */
const VERSION = 1
const HEADER_BYTES = 6
const SPLIT_BYTES = 5
const LEAF_BYTES = 3

export function encodeForest(forest: Forest): Uint8Array {
  const { feature, threshold, size } = forest
  const leaves = feature.reduce((count, each) => count + Number(each === LEAF), 0)
  const bytes = new Uint8Array(HEADER_BYTES + leaves * LEAF_BYTES + (feature.length - leaves) * SPLIT_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, forest.featureCount)
  view.setUint16(2, forest.roots.length, true)
  view.setUint16(4, forest.subsample, true)
  let at = HEADER_BYTES
  for (let node = 0; node < feature.length; node++) {
    view.setUint8(at, feature[node]!)
    if (feature[node] === LEAF) view.setUint16(at + 1, size[node]!, true)
    else view.setFloat32(at + 1, threshold[node]!, true)
    at += feature[node] === LEAF ? LEAF_BYTES : SPLIT_BYTES
  }
  return bytes
}

/** The forest, or what is wrong with the bytes, in words. */
export type DecodedForest =
  | { readonly kind: 'forest'; readonly forest: Forest }
  | { readonly kind: 'invalid'; readonly reason: string }

/** Takes bytes from anywhere: never throws, and reads each byte once. */
export function decodeForest(bytes: Uint8Array): DecodedForest {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.byteLength < HEADER_BYTES) return invalid('it is shorter than its header')
  if (view.getUint8(0) !== VERSION) return invalid(`version ${view.getUint8(0)} is not known`)
  const featureCount = view.getUint8(1)
  const trees = view.getUint16(2, true)
  const subsample = view.getUint16(4, true)
  if (featureCount > FEATURES_MAX) return invalid(`${featureCount} features, at most ${FEATURES_MAX} are possible`)
  if (trees < 1 || trees > TREES_MAX) return invalid(`${trees} trees, 1 to ${TREES_MAX} are possible`)
  if (subsample > SUBSAMPLE_MAX) return invalid(`a subsample of ${subsample}, at most ${SUBSAMPLE_MAX} is possible`)
  // Each node takes at least the bytes of a leaf, so that what is set aside is bounded by what was sent.
  const nodesMax = Math.ceil((view.byteLength - HEADER_BYTES) / LEAF_BYTES)
  const reader: Reader = {
    view,
    featureCount,
    at: HEADER_BYTES,
    used: 0,
    problem: null,
    feature: new Uint8Array(nodesMax),
    threshold: new Float32Array(nodesMax),
    right: new Uint16Array(nodesMax),
    size: new Uint16Array(nodesMax),
  }
  const roots = new Uint32Array(trees)
  for (let tree = 0; tree < trees && reader.problem === null; tree++) {
    roots[tree] = reader.used
    const points = readNode(reader, 0)
    if (reader.problem === null && points !== subsample) reader.problem = `tree ${tree} has ${points} points`
  }
  if (reader.problem === null && reader.at !== view.byteLength) reader.problem = 'bytes follow the last tree'
  if (reader.problem !== null) return invalid(`${reader.problem}, at byte ${reader.at}`)
  const { used, feature, threshold, right, size } = reader
  const forest = {
    featureCount,
    subsample,
    roots,
    feature: feature.slice(0, used),
    threshold: threshold.slice(0, used),
    right: right.slice(0, used),
    size: size.slice(0, used),
  }
  return { kind: 'forest', forest }
}

const invalid = (reason: string): DecodedForest => ({ kind: 'invalid', reason: `not a forest: ${reason}` })

interface Reader {
  readonly view: DataView
  readonly featureCount: number
  at: number
  used: number
  problem: string | null
  readonly feature: Uint8Array
  readonly threshold: Float32Array
  readonly right: Uint16Array
  readonly size: Uint16Array
}

/** Reads a subtree and answers its points; it calls itself no deeper than a tree may be. */
function readNode(reader: Reader, depth: number): number {
  const { view, at } = reader
  if (at + LEAF_BYTES > view.byteLength) return fail(reader, 'it ends within a tree')
  const node = reader.used++
  const feature = view.getUint8(at)
  reader.feature[node] = feature
  if (feature === LEAF) {
    const points = view.getUint16(at + 1, true)
    reader.size[node] = points
    reader.at += LEAF_BYTES
    return points
  }
  if (at + SPLIT_BYTES > view.byteLength) return fail(reader, 'it ends within a tree')
  const threshold = view.getFloat32(at + 1, true)
  if (feature >= reader.featureCount) return fail(reader, `feature ${feature} of ${reader.featureCount}`)
  if (!Number.isFinite(threshold)) return fail(reader, 'a threshold is not finite')
  if (depth >= DEPTH_MAX) return fail(reader, 'a tree is too deep')
  reader.threshold[node] = threshold
  reader.at += SPLIT_BYTES
  const left = readNode(reader, depth + 1)
  if (reader.problem !== null) return 0
  reader.right[node] = reader.used - node
  const points = left + readNode(reader, depth + 1)
  if (points > SUBSAMPLE_MAX) return fail(reader, 'a tree has more points than are possible')
  reader.size[node] = points
  return points
}

function fail(reader: Reader, problem: string): number {
  reader.problem ??= problem
  return 0
}
