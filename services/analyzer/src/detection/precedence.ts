/**
 * Types that compare with what is usual. Several of them see one cause on the same track: the first of this list that
 * does speaks for all. What judges by limits and rules (`resource_exhaustion`, thresholds, expressions, missing data,
 * deaths) says something else and stands beside.
 */
const relativeTypes: readonly string[] = [
  'error_spike',
  'performance_degradation',
  'level_shift',
  'streaming',
  'isolation_forest',
]

const ranks = new Map(relativeTypes.map((type, rank) => [type, rank]))

/** Place in the order of precedence, 0 first; -1 for types that stand beside all others. */
export const rankOf = (type: string): number => ranks.get(type) ?? -1
