import { expectedPath, type Forest, LEAF, pathOf, scoreOfPath } from './forest.ts'

/** Scores many points against one forest. */
export interface BatchScorer {
  /**
   * Fills `out` with the scores of its length of points from `points` (row-major, NaN where a value is missing).
   * Allocates nothing.
   */
  scoreBatch(points: Float32Array, out: Float64Array): void
}

/** Points that are taken through all trees before the next: they stay in the nearest cache meanwhile. */
const BLOCK = 512

/**
 * Every tree as a complete one: the children of node i are 2i and 2i + 1, the root is 1, and a walk takes the same
 * number of steps for every point, so that several walks run side by side without a branch to guess. Below a leaf of
 * the forest everything goes left.
 */
interface CompleteTrees {
  readonly levels: number
  /** `1 << levels` elements a tree. */
  readonly feature: Uint8Array
  readonly threshold: Float32Array
  /** Path lengths of the lowest level. */
  readonly path: Float64Array
}

export function createBatchScorer(forest: Forest): BatchScorer {
  const { featureCount, subsample } = forest
  const trees = forest.roots.length
  const complete = completeTrees(forest)
  return {
    scoreBatch(points, out) {
      out.fill(0)
      for (let from = 0; from < out.length; from += BLOCK) {
        const to = Math.min(out.length, from + BLOCK)
        for (let tree = 0; tree < trees; tree++) addPaths(complete, tree, featureCount, points, from, to, out)
        for (let row = from; row < to; row++) {
          if (hasMissing(points, row * featureCount, featureCount))
            out[row] = pathOf(forest, points, row * featureCount)
        }
      }
      for (let row = 0; row < out.length; row++) out[row] = scoreOfPath(out[row]! / trees, subsample)
    },
  }
}

function completeTrees(forest: Forest): CompleteTrees {
  const levels = Math.max(1, ...Array.from(forest.roots, (root) => depthOf(forest, root)))
  const nodes = forest.roots.length << levels
  const complete = {
    levels,
    feature: new Uint8Array(nodes),
    threshold: new Float32Array(nodes).fill(Number.POSITIVE_INFINITY),
    path: new Float64Array(nodes),
  }
  forest.roots.forEach((root, tree) => {
    place(forest, complete, tree << levels, root, 1, 0)
  })
  return complete
}

/** Levels below a node. */
function depthOf(forest: Forest, node: number): number {
  if (forest.feature[node] === LEAF) return 0
  return 1 + Math.max(depthOf(forest, node + 1), depthOf(forest, node + forest.right[node]!))
}

function place(forest: Forest, into: CompleteTrees, base: number, node: number, at: number, depth: number): void {
  const feature = forest.feature[node]!
  if (feature === LEAF) {
    const first = (at << (into.levels - depth)) - (1 << into.levels)
    into.path[base + first] = depth + expectedPath(forest.size[node]!)
    return
  }
  into.feature[base + at] = feature
  into.threshold[base + at] = forest.threshold[node]!
  place(forest, into, base, node + 1, 2 * at, depth + 1)
  place(forest, into, base, node + forest.right[node]!, 2 * at + 1, depth + 1)
}

/** Adds the path lengths in one tree to `sums`, four points at a time. */
function addPaths(
  { levels, feature, threshold, path }: CompleteTrees,
  tree: number,
  featureCount: number,
  points: Float32Array,
  from: number,
  to: number,
  sums: Float64Array,
): void {
  const base = tree << levels
  const lowest = base - (1 << levels)
  let row = from
  for (; row + 4 <= to; row += 4) {
    const first = row * featureCount
    const second = first + featureCount
    const third = second + featureCount
    const fourth = third + featureCount
    let a = 1
    let b = 1
    let c = 1
    let d = 1
    for (let level = 0; level < levels; level++) {
      a = 2 * a + Number(points[first + feature[base + a]!]! > threshold[base + a]!)
      b = 2 * b + Number(points[second + feature[base + b]!]! > threshold[base + b]!)
      c = 2 * c + Number(points[third + feature[base + c]!]! > threshold[base + c]!)
      d = 2 * d + Number(points[fourth + feature[base + d]!]! > threshold[base + d]!)
    }
    sums[row]! += path[lowest + a]!
    sums[row + 1]! += path[lowest + b]!
    sums[row + 2]! += path[lowest + c]!
    sums[row + 3]! += path[lowest + d]!
  }
  for (; row < to; row++) {
    const first = row * featureCount
    let a = 1
    for (let level = 0; level < levels; level++) {
      a = 2 * a + Number(points[first + feature[base + a]!]! > threshold[base + a]!)
    }
    sums[row]! += path[lowest + a]!
  }
}

function hasMissing(points: Float32Array, offset: number, featureCount: number): boolean {
  for (let at = offset; at < offset + featureCount; at++) if (Number.isNaN(points[at]!)) return true
  return false
}
