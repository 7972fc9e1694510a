/** A trail never fills its height for less than this many cores: an idle process stays flat. */
const fullScaleCoresMin = 0.25

/** So many points may be missing before it is a gap: a busy machine reads late now and then. */
const lateMax = 2

/** Short holes between points are drawn through, in a straight line. */
function joined(values: readonly number[]): number[] {
  const out = [...values]
  let last = -1
  for (let i = 0; i < out.length; i++) {
    if (Number.isNaN(out[i])) continue
    const missing = i - last - 1
    if (last >= 0 && missing > 0 && missing <= lateMax) {
      const rise = (out[i]! - out[last]!) / (missing + 1)
      for (let k = 1; k <= missing; k++) out[last + k] = out[last]! + rise * k
    }
    last = i
  }
  return out
}

/** SVG paths of a trail of CPU values in cores, oldest first; NaN is a gap. */
export function trailPaths(
  points: readonly number[],
  width: number,
  height: number,
): { line: string; area: string; gaps: string } {
  const base = height - 4
  const values = joined(points)
  if (values.length === 0) return { line: '', area: '', gaps: `M0 ${base}H${width}` }
  const peak = Math.max(fullScaleCoresMin, ...values.filter((value) => !Number.isNaN(value)))
  const step = width / values.length
  const x = (index: number) => round(index * step)
  const y = (value: number) => round(base - (Math.max(0, value) / peak) * (base - 2))
  let line = ''
  let area = ''
  let gaps = ''
  let start = -1
  for (let i = 0; i <= values.length; i++) {
    const value = values[i]
    const seen = value !== undefined && !Number.isNaN(value)
    if (seen && start < 0) start = i
    if (!seen && start >= 0) {
      const run = values.slice(start, i).map((one, offset) => `${x(start + offset)} ${y(one)}`)
      // The last point reaches to the end of its step, so that a single point is a line too.
      run.push(`${x(i)} ${y(values[i - 1] ?? 0)}`)
      line += `M${run.join('L')}`
      area += `M${x(start)} ${base}L${run.join('L')}L${x(i)} ${base}Z`
      start = -1
    }
    // One stroke per gap, so that its dashes go through.
    if (!seen && i < values.length && (i === 0 || !Number.isNaN(values[i - 1]))) gaps += `M${x(i)} ${base}`
    if (!seen && i < values.length && !Number.isNaN(values[i + 1] ?? 0)) gaps += `H${x(i + 1)}`
  }
  return { line, area, gaps }
}

const round = (value: number) => Math.round(value * 10) / 10
