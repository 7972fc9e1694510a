import { type Deviation, levelOf, normalSigma } from './score.ts'

/** The size that all drift lines are drawn in; the place where one stands stretches it. */
export const driftWidth = 160
export const driftHeight = 22

/** SVG paths of a drift line; an empty text is nothing to draw. */
export interface DriftPaths {
  /** The grey line in the middle, stroked. */
  readonly line: string
  /** The ripple around it, filled. */
  readonly ripple: string
  /** Bands of one doubling each, filled, nearest to normal first. */
  readonly up: readonly string[]
  readonly down: readonly string[]
  /** Where nothing was heard, dashed. */
  readonly gaps: string
  /** Where nothing was heard yet: the same, dimmer. */
  readonly early: string
}

/** From here on the grey line gives way to the bands. */
const loud = 2 * normalSigma
const ripplePx = 2

const round = (value: number): string => String(Math.round(value * 100) / 100)

/** Pairs of first and last index where `holds` is true. */
function runs(length: number, holds: (index: number) => boolean): [number, number][] {
  const found: [number, number][] = []
  let first = -1
  for (let i = 0; i <= length; i++) {
    const on = i < length && holds(i)
    if (on && first < 0) first = i
    if (!on && first >= 0) {
      found.push([first, i - 1])
      first = -1
    }
  }
  return found
}

/** How much of band `k` a deviation fills, 0 to 1, on the side of `sign`. */
export function shareOfBand(deviation: number, k: number, sign: 1 | -1): number {
  return deviation * sign > normalSigma ? Math.max(0, Math.min(1, levelOf(deviation) - k)) : 0
}

/**
 * The drift line of evenly spaced points, oldest first, null where nothing is known. Up from the middle is above
 * normal, down below; each band is painted over the one before. Linear between points, never smoothed.
 */
export function driftPaths(points: readonly Deviation[], width = driftWidth, height = driftHeight): DriftPaths {
  const count = points.length
  const middle = height / 2
  const step = count > 0 ? width / count : width
  const known = (i: number): boolean => points[i] !== null && Number.isFinite(points[i])
  const at = (i: number): number => points[i] ?? 0
  // The first and the last point reach to the edges, so that a full line is as wide as its place.
  const left = (i: number): string => (i === 0 ? '0' : round((i + 0.5) * step))
  const right = (i: number): string => (i === count - 1 ? round(width) : round((i + 0.5) * step))

  function area([first, last]: readonly [number, number], y: (deviation: number) => number, base: number): string {
    let path = `M${left(first)} ${round(base)}`
    if (first === 0) path += `L0 ${round(y(at(first)))}`
    for (let i = first; i <= last; i++) path += `L${round((i + 0.5) * step)} ${round(y(at(i)))}`
    return `${path}L${right(last)} ${round(y(at(last)))}L${right(last)} ${round(base)}Z`
  }

  function band(k: number, sign: 1 | -1): string {
    // The bands begin at the lower, or upper, edge of the grey line, which they cover.
    const base = middle + 0.6 * sign
    const reach = middle + 0.6
    return runs(count, known)
      .filter(([first, last]) => points.slice(first, last + 1).some((d) => shareOfBand(d ?? 0, k, sign) > 0))
      .map((run) => area(run, (d) => base - sign * shareOfBand(d, k, sign) * reach, base))
      .join('')
  }

  const calm = runs(count, (i) => known(i) && Math.abs(at(i)) < loud)
  const firstKnown = points.findIndex((_, i) => known(i))
  const gaps = runs(count, (i) => !known(i))
  const dash = ([first, last]: readonly [number, number]): string =>
    `M${round(first * step)} ${round(middle)}H${round((last + 1) * step)}`
  const isEarly = ([first]: readonly [number, number]): boolean => firstKnown < 0 || first < firstKnown
  const flat = `M0 ${round(middle)}H${round(width)}`
  return {
    line: calm.map(([first, last]) => `M${left(first)} ${round(middle)}H${right(last)}`).join(''),
    ripple: calm
      .map((run) => area(run, (d) => middle - Math.max(-1, Math.min(1, d / normalSigma)) * ripplePx, middle))
      .join(''),
    up: [0, 1, 2].map((k) => band(k, 1)),
    down: [0, 1, 2].map((k) => band(k, -1)),
    gaps: gaps
      .filter((run) => !isEarly(run))
      .map(dash)
      .join(''),
    early: count === 0 ? flat : gaps.filter(isEarly).map(dash).join(''),
  }
}

/** Index of the point under `share` (0 to 1) of the width; -1 without points. */
export function pointAt(share: number, count: number): number {
  return count === 0 ? -1 : Math.max(0, Math.min(count - 1, Math.floor(share * count)))
}
