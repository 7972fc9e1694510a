import { childOf, expectedPath, type Forest, LEAF } from './forest.ts'

/**
 * Which features isolate the point that begins at `offset`: shares that sum to 1, or all 0 when none does. A split
 * gains as much depth as the path that was to be expected before it, c(points of the node), exceeds the one after it,
 * 1 + c(points of the child); the gains of all splits of a point sum to c(subsample) less its path length.
 * `gains` is room for one number per feature and is overwritten with the shares.
 */
export function attribute(forest: Forest, points: Float32Array, offset: number, gains: Float64Array): void {
  const { roots, feature, size } = forest
  gains.fill(0)
  for (const root of roots) {
    let node = root
    while (feature[node] !== LEAF) {
      const splitOn = feature[node]!
      const child = childOf(forest, node, points[offset + splitOn]!)
      gains[splitOn]! += expectedPath(size[node]!) - 1 - expectedPath(size[child]!)
      node = child
    }
  }
  let sum = 0
  for (let at = 0; at < gains.length; at++) {
    // What hid the point among others explains nothing of why it stands out.
    gains[at] = Math.max(0, gains[at]!)
    sum += gains[at]!
  }
  if (sum > 0) for (let at = 0; at < gains.length; at++) gains[at]! /= sum
}
