import { type ChartSeries, stretches } from './series.ts'

/** Where a value or a time lands in the drawing. */
export type Place = (value: number) => number

const round = (value: number): number => Math.round(value * 10) / 10

export function linear(from: number, to: number, start: number, end: number): Place {
  const factor = to === from ? 0 : (end - start) / (to - from)
  return (value) => start + (value - from) * factor
}

/** The line, broken at gaps; a lonely point becomes a dash one pixel and a half long, so that it can be seen. */
export function linePath(series: ChartSeries, x: Place, y: Place): string {
  let path = ''
  for (const [first, last] of stretches(series)) {
    if (first === last) {
      const at = x(series.times[first]!)
      path += `M${round(at - 0.75)} ${round(y(series.values[first]!))}h1.5`
      continue
    }
    for (let i = first; i <= last; i++) {
      path += `${i === first ? 'M' : 'L'}${round(x(series.times[i]!))} ${round(y(series.values[i]!))}`
    }
  }
  return path
}

/** The area between the lowest and the highest value of every point; empty without a band. */
export function bandPath(series: ChartSeries, x: Place, y: Place): string {
  const { low, high } = series
  if (!low || !high) return ''
  let path = ''
  for (const [first, last] of stretches(series)) {
    if (first === last) continue
    for (let i = first; i <= last; i++) {
      path += `${i === first ? 'M' : 'L'}${round(x(series.times[i]!))} ${round(y(high[i]!))}`
    }
    for (let i = last; i >= first; i--) path += `L${round(x(series.times[i]!))} ${round(y(low[i]!))}`
    path += 'Z'
  }
  return path
}

/** The area under the line, for sparklines. */
export function areaPath(series: ChartSeries, x: Place, y: Place, floor: number): string {
  let path = ''
  for (const [first, last] of stretches(series)) {
    if (first === last) continue
    path += `M${round(x(series.times[first]!))} ${floor}`
    for (let i = first; i <= last; i++) path += `L${round(x(series.times[i]!))} ${round(y(series.values[i]!))}`
    path += `L${round(x(series.times[last]!))} ${floor}Z`
  }
  return path
}
