import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A series with the windows in which its anomalies are to be found: first and last row of each. */
export interface LabelledSeries {
  readonly name: string
  readonly group: string
  readonly timesMs: Float64Array
  readonly values: Float64Array
  readonly windows: readonly (readonly [number, number])[]
}

/** Times of NAB name no zone: read as UTC, which tells the hours of the day apart like every other zone. */
export function stampToMs(stamp: string): number {
  return Date.parse(`${stamp.trim().replace(' ', 'T')}Z`)
}

/** The series of a folder of NAB with their windows. Only the study needs these; the benchmark's run does not. */
export function loadSeries(nab: string): LabelledSeries[] {
  const text = readFileSync(join(nab, 'labels', 'combined_windows.json'), 'utf8')
  const windows = JSON.parse(text) as Record<string, [string, string][]>
  return Object.entries(windows).map(([name, stamps]) => {
    const lines = readFileSync(join(nab, 'data', name), 'utf8').split(/\r?\n/)
    const rows = lines.filter((line) => line !== '').slice(1)
    const timesMs = Float64Array.from(rows, (row) => stampToMs(row.split(',')[0]!))
    const values = Float64Array.from(rows, (row) => Number(row.split(',')[1]))
    const rowAt = (stamp: string) => timesMs.indexOf(stampToMs(stamp))
    return { name, group: dirname(name), timesMs, values, windows: stamps.map(([a, b]) => [rowAt(a), rowAt(b)]) }
  })
}

const position = (y: number): number => (y > 3 ? -1 : 2 / (1 + Math.exp(5 * y)) - 1)

/** What alarms are worth against none, by NAB's standard profile; a perfect detector gets 2 per window. */
export function gain(series: LabelledSeries, alarmRows: readonly number[]): number {
  const { windows } = series
  const probation = Math.min(Math.floor(0.15 * series.values.length), 750)
  const best = windows.map(() => -1)
  let total = 0
  for (const row of alarmRows) {
    if (row < probation) continue
    let last = windows.length - 1
    while (last >= 0 && windows[last]![0] > row) last--
    const window = windows[last]
    if (window && row <= window[1]) {
      const width = window[1] - window[0] + 1
      best[last] = Math.max(best[last]!, position(-(window[1] - row + 1) / width) / position(-1))
    } else total += 0.11 * (window ? position((row - window[1]) / (window[1] - window[0])) : -1)
  }
  windows.forEach(([, end], i) => {
    total += end < probation ? 1 : best[i]! + 1
  })
  return total
}

/** Gains as NAB's score: 0 for no alarm at all, 100 for a perfect detector. */
export function scoreOf(gains: number, windows: number): number {
  return windows === 0 ? 0 : (50 * gains) / windows
}
