import type { Random } from './random.ts'

/**
 * An isolation forest (Liu, Ting and Zhou, 2008) as parallel arrays, one element per node, each tree in preorder: the
 * left child of a node is the one after it. Immutable.
 *
 * A missing value (NaN) isolates nothing: where a tree splits on it, the point goes to the side that has more of the
 * training points (the left one when both have as many), in training as in scoring.
 */
export interface Forest {
  readonly featureCount: number
  /** Training points of each tree. */
  readonly subsample: number
  /** The root of each tree. */
  readonly roots: Uint32Array
  /** The feature that a node splits on; `LEAF` for a leaf. */
  readonly feature: Uint8Array
  /** Values up to and with it go left. Finite; 0 for a leaf. */
  readonly threshold: Float32Array
  /** How far behind a node its right child is; 0 for a leaf. */
  readonly right: Uint16Array
  /** Training points that reached the node. */
  readonly size: Uint16Array
}

export const LEAF = 255
/** Features are numbered in a byte. */
export const FEATURES_MAX = 64
export const TREES_MAX = 1000
export const SUBSAMPLE_MAX = 4096
/** The depth limit of the largest subsample; a node's number in its tree fits 16 bits. */
export const DEPTH_MAX = 12

const FLOAT32_MAX = 3.4028234663852886e38
const EULER = 0.5772156649015329

/** Levels of a tree below its root, at most: the average depth of a tree of so many points, and a little. */
export const depthLimit = (subsample: number): number => Math.ceil(Math.log2(Math.max(subsample, 2)))

/** c(n) of the paper: the average path length of an unsuccessful search among `points` points. */
export function averagePathLength(points: number): number {
  if (points <= 1) return 0
  if (points === 2) return 1
  return 2 * (Math.log(points - 1) + EULER) - (2 * (points - 1)) / points
}

const pathLengths = Float64Array.from({ length: SUBSAMPLE_MAX + 1 }, (_, points) => averagePathLength(points))

/** `averagePathLength` from a table, for up to `SUBSAMPLE_MAX` points. */
export const expectedPath = (points: number): number => pathLengths[points]!

/** 2^(-mean path / c(subsample)): near 1 for what stands alone, about 0.5 for all when nothing does. */
export function scoreOfPath(meanPath: number, subsample: number): number {
  const usual = expectedPath(subsample)
  return usual === 0 ? 0.5 : 2 ** (-meanPath / usual)
}

/**
 * Lets splits fall beyond the points of a node, too: by `share` of their range on either side, and by `least[feature]`
 * at least. What lies outside of all that was seen is then cut off by itself, on a feature that never varied as well,
 * while what was seen, if only rarely, is not.
 */
export interface Beyond {
  readonly share: number
  readonly least: readonly number[]
}

export interface TrainingOptions {
  /** 1 to `TREES_MAX`; 100 unless given. */
  readonly trees?: number
  /** 1 to `SUBSAMPLE_MAX`; 256 unless given, and never more than there are points. */
  readonly subsample?: number
  /** Levels below the root, 1 to `DEPTH_MAX`; the average depth of so many points unless given, as in the paper. */
  readonly depth?: number
  /** Splits beyond the points of a node; none unless given, as in the paper. */
  readonly beyond?: Beyond
}

/** What the trees of one forest are built with and into. */
interface Workshop {
  readonly points: Float32Array
  readonly featureCount: number
  readonly random: Random
  readonly depthMax: number
  readonly beyond: Beyond | undefined
  /** Numbers of the points; the first `subsample` are those of the present tree, parted as it grows. */
  readonly order: Uint32Array
  readonly candidates: Uint8Array
  readonly feature: Uint8Array
  readonly threshold: Float32Array
  readonly right: Uint16Array
  readonly size: Uint16Array
  used: number
}

/**
 * `points` is row-major, `featureCount` values a row, NaN where one is missing; infinite values count as the largest
 * finite ones. The same points and generator give the same forest. No points give one that scores 0.5 for all.
 */
export function trainForest(
  points: Float32Array,
  featureCount: number,
  random: Random,
  { trees = 100, subsample = 256, depth, beyond }: TrainingOptions = {},
): Forest {
  const rows = featureCount === 0 ? 0 : Math.floor(points.length / featureCount)
  if (featureCount > FEATURES_MAX) throw new RangeError(`at most ${FEATURES_MAX} features`)
  if (trees < 1 || trees > TREES_MAX) throw new RangeError(`1 to ${TREES_MAX} trees`)
  if (depth !== undefined && (depth < 1 || depth > DEPTH_MAX)) throw new RangeError(`a depth of 1 to ${DEPTH_MAX}`)
  if (subsample < 1 || subsample > SUBSAMPLE_MAX) throw new RangeError(`a subsample of 1 to ${SUBSAMPLE_MAX}`)
  const size = Math.min(subsample, rows)
  const depthMax = depth ?? depthLimit(size)
  const nodesMax = trees * (beyond === undefined ? Math.max(1, 2 * size - 1) : (2 << depthMax) - 1)
  const workshop: Workshop = {
    points: finite(points),
    featureCount,
    random,
    depthMax,
    beyond,
    order: Uint32Array.from({ length: rows }, (_, row) => row),
    candidates: new Uint8Array(featureCount),
    feature: new Uint8Array(nodesMax),
    threshold: new Float32Array(nodesMax),
    right: new Uint16Array(nodesMax),
    size: new Uint16Array(nodesMax),
    used: 0,
  }
  const roots = new Uint32Array(trees)
  for (let tree = 0; tree < trees; tree++) {
    roots[tree] = workshop.used
    drawSubsample(workshop, size)
    grow(workshop, 0, size, 0)
  }
  const { used } = workshop
  return {
    featureCount,
    subsample: size,
    roots,
    feature: workshop.feature.slice(0, used),
    threshold: workshop.threshold.slice(0, used),
    right: workshop.right.slice(0, used),
    size: workshop.size.slice(0, used),
  }
}

function finite(points: Float32Array): Float32Array {
  return points.map((value) => Math.min(FLOAT32_MAX, Math.max(-FLOAT32_MAX, value)))
}

/** The first steps of a shuffle: `size` points without repetition. */
function drawSubsample({ order, random }: Workshop, size: number): void {
  for (let at = 0; at < size; at++) {
    const other = at + random.nextBelow(order.length - at)
    const point = order[at]!
    order[at] = order[other]!
    order[other] = point
  }
}

/** Grows the subtree of the points `from` to `to` of the order; no deeper than `depthMax`, so it may call itself. */
function grow(workshop: Workshop, from: number, to: number, depth: number): void {
  const node = workshop.used++
  workshop.size[node] = to - from
  workshop.feature[node] = LEAF
  if (to - from <= 1 || depth >= workshop.depthMax) return
  const split = drawSplit(workshop, from, to)
  if (split === null) return
  const middle = part(workshop, from, to, split)
  workshop.feature[node] = split.feature
  workshop.threshold[node] = split.threshold
  grow(workshop, from, middle, depth + 1)
  workshop.right[node] = workshop.used - node
  grow(workshop, middle, to, depth + 1)
}

interface Split {
  readonly feature: number
  readonly threshold: number
  readonly missingLeft: boolean
}

/** A feature at random of those that can be split, and a value at random in its range; null when there is none. */
function drawSplit(workshop: Workshop, from: number, to: number): Split | null {
  const { points, featureCount, random, beyond, order, candidates } = workshop
  for (let at = 0; at < featureCount; at++) candidates[at] = at
  for (let left = featureCount; left > 0; left--) {
    const drawn = random.nextBelow(left)
    const feature = candidates[drawn]!
    candidates[drawn] = candidates[left - 1]!
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let at = from; at < to; at++) {
      const value = points[order[at]! * featureCount + feature]!
      if (value < low) low = value
      if (value > high) high = value
    }
    if (!(low <= high)) continue
    const more = beyond === undefined ? 0 : Math.max(beyond.share * (high - low), beyond.least[feature] ?? 0)
    if (low === high && more === 0) continue
    let threshold = Math.fround(low - more + random.nextUnit() * (high - low + 2 * more))
    // Rounding must not leave the right side empty; on the left there is at least the lowest.
    if (more === 0 && !(threshold < high)) threshold = low
    threshold = Math.min(FLOAT32_MAX, Math.max(-FLOAT32_MAX, threshold))
    return { feature, threshold, missingLeft: missingGoesLeft(workshop, from, to, feature, threshold) }
  }
  return null
}

function missingGoesLeft(workshop: Workshop, from: number, to: number, feature: number, threshold: number): boolean {
  const { points, featureCount, order } = workshop
  let left = 0
  let right = 0
  for (let at = from; at < to; at++) {
    const value = points[order[at]! * featureCount + feature]!
    if (value <= threshold) left += 1
    else if (value > threshold) right += 1
  }
  return left >= right
}

/** Puts the points that go left before the others and answers where the others begin. */
function part({ points, featureCount, order }: Workshop, from: number, to: number, split: Split): number {
  let middle = from
  for (let at = from; at < to; at++) {
    const point = order[at]!
    const value = points[point * featureCount + split.feature]!
    const goesLeft = split.missingLeft ? !(value > split.threshold) : value <= split.threshold
    if (!goesLeft) continue
    order[at] = order[middle]!
    order[middle] = point
    middle += 1
  }
  return middle
}

/** The child of a node that a value goes to. */
export function childOf({ threshold, right, size }: Forest, node: number, value: number): number {
  const left = node + 1
  const other = node + right[node]!
  if (value <= threshold[node]!) return left
  if (value > threshold[node]!) return other
  return size[left]! >= size[other]! ? left : other
}

/**
 * The score of the point that begins at `offset` of `points`, from above 0 to 1. For a point now and then: many at
 * once go through `createBatchScorer`.
 */
export function scorePoint(forest: Forest, points: Float32Array, offset = 0): number {
  return scoreOfPath(pathOf(forest, points, offset) / forest.roots.length, forest.subsample)
}

/** The sum of a point's path lengths in all trees. */
export function pathOf(forest: Forest, points: Float32Array, offset: number): number {
  const { roots, feature, size } = forest
  let sum = 0
  for (const root of roots) {
    let node = root
    let depth = 0
    for (; feature[node] !== LEAF; depth++) node = childOf(forest, node, points[offset + feature[node]!]!)
    sum += depth + expectedPath(size[node]!)
  }
  return sum
}
