import type { BaselineAnswer } from '../api/types.ts'
import type { DriftLine } from '../drift/lines.ts'

const pointsMax = 60
const scoreMinutes = 4

/**
 * The drift line of one KPI over a range: at most 60 points, each the farthest deviation of its stretch. Its points are
 * minutes for an hour, and more for longer ranges.
 */
export function lineOfBaseline(answer: BaselineAnswer, fromMs: number, toMs: number): DriftLine {
  const stepMs = Math.max(answer.step * 1000, (toMs - fromMs) / pointsMax)
  const count = Math.max(1, Math.min(pointsMax, Math.ceil((toMs - fromMs) / stepMs)))
  const deviations = new Array<number | null>(count).fill(null)
  for (const { time, deviation } of answer.points) {
    const index = count - 1 - Math.floor((toMs - 1 - Date.parse(time)) / stepMs)
    if (deviation === null || index < 0 || index >= count) continue
    const before = deviations[index]
    if (before === null || before === undefined || Math.abs(deviation) > Math.abs(before)) deviations[index] = deviation
  }
  // The last minute is judged when it is over; until then the one before stands for it.
  if (count > 2 && deviations[count - 1] === null) deviations[count - 1] = deviations[count - 2] ?? null
  return { endsAtMs: Math.floor((toMs - 1) / stepMs) * stepMs, deviations }
}

/** Mean deviation of the last 4 min before `atMs`; null where nothing is known of them. */
export function meanDeviation(answer: BaselineAnswer, atMs: number): number | null {
  const stepMs = answer.step * 1000
  const fromMs = atMs - (scoreMinutes + 1) * Math.max(60_000, stepMs)
  const recent = answer.points
    .filter((point) => point.deviation !== null && Date.parse(point.time) >= fromMs && Date.parse(point.time) <= atMs)
    .slice(-scoreMinutes)
  if (recent.length === 0) return null
  return recent.reduce((sum, point) => sum + (point.deviation ?? 0), 0) / recent.length
}
