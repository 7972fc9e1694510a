import { type Anomaly, kpiNumber } from '@driftline/proto'
import type { Ending, Excursion } from './excursion.ts'
import { describe } from './words.ts'

/** What the baseline of the anomaly's track says of it. */
export interface BaselineRemarks {
  readonly hasSeason: boolean
  /** Event time at which a lasting level was last taken for the new normal; NaN for never. */
  readonly shiftedAtMs: number
}

const none: BaselineRemarks = { hasSeason: false, shiftedAtMs: Number.NaN }

/** The description of an anomaly's record. `ending` is null while it lasts. */
export function describeAnomaly(
  anomaly: Anomaly,
  { finding }: Pick<Excursion, 'finding'>,
  ending: Ending | null,
  { hasSeason, shiftedAtMs }: BaselineRemarks = none,
): string {
  const startMs = Number(anomaly.startTimeMs)
  return describe({
    type: anomaly.type,
    process: anomaly.process,
    metric: anomaly.metric,
    attributes: anomaly.attributes,
    kpi: anomaly.attributes === '' ? kpiNumber(anomaly.metric) : -1,
    unit: anomaly.unit,
    value: anomaly.value,
    worstValue: anomaly.worstValue,
    expectedLow: anomaly.expectedLow,
    expectedHigh: anomaly.expectedHigh,
    centre: anomaly.expectedCentre,
    score: anomaly.score,
    severity: anomaly.severity,
    startMs,
    endMs: ending === null ? Number.NaN : Number(anomaly.endTimeMs),
    atMs: Number(anomaly.timeMs),
    exhaustedAtMs: anomaly.exhaustedAtMs === 0n ? Number.NaN : Number(anomaly.exhaustedAtMs),
    ...(finding.rule === undefined ? {} : { rule: finding.rule }),
    ...(finding.words === undefined ? {} : { words: finding.words }),
    contributions: anomaly.contributions,
    hasSeason,
    isLearnt: ending === 'calm' && shiftedAtMs > startMs,
  })
}
