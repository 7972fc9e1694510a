import { Severity, type Threshold } from '@driftline/proto'
import type { DetectionConfig, DetectionContext, Detector } from '../../detection/detector.ts'

/** A limit that was passed is cleared this share of it away, so that a value that hovers at it does not flap. */
const CLEAR_SHARE = 0.02

/** How one limit stands on one track. Times are event time. */
interface Standing {
  /** Start of the first bucket beyond the limit; NaN while inside. */
  sinceMs: number
  raised: boolean
}

interface State extends Record<string, unknown> {
  readonly version: 1
  /** By track, then by `<place in the settings>/<above or below>/<limit>`. */
  readonly standings: Map<number, Map<string, Standing>>
}

/** Static limits on KPIs and metrics, above and below, as users set them. */
export function createThreshold(_config: DetectionConfig): Detector {
  let state: State = { version: 1, standings: new Map() }
  return {
    type: 'threshold',
    openAfterMs: 0,
    closeAfterMs: 10_000,
    onBucket(bucket, context) {
      const { process } = context.tracks
      let of = -1
      let thresholds: readonly Threshold[] = []
      for (let i = 0; i < bucket.count; i++) {
        const track = bucket.track[i]!
        // Values of one process come one after the other.
        if (process[track] !== of) {
          of = process[track]!
          thresholds = context.settings(of).thresholds
        }
        if (thresholds.length === 0) {
          if (state.standings.size > 0) state.standings.delete(track)
          continue
        }
        judgeTrack(state, thresholds, track, bucket.value[i]!, bucket, context)
      }
    },
    forgetTrack: (track) => void state.standings.delete(track),
    state: () => state,
    restore(stored) {
      if (stored['version'] !== 1) throw new Error('the stored limits are of another version')
      state = stored as State
    },
  }
}

function judgeTrack(
  { standings }: State,
  thresholds: readonly Threshold[],
  track: number,
  value: number,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  context: DetectionContext,
): void {
  const metric = context.tracks.metric(track)
  let held = 0
  for (const [place, threshold] of thresholds.entries()) {
    if (threshold.metric !== metric) continue
    for (const side of ['above', 'below'] as const) {
      const limit = threshold[side]
      if (limit === undefined || !Number.isFinite(limit)) continue
      held += 1
      if (!Number.isFinite(value)) continue
      const standing = standingOf(standings, track, keyOf(place, side, limit))
      judgeLimit(standing, side === 'above' ? value - limit : limit - value, Math.abs(limit) * CLEAR_SHARE, startMs)
      if (Number.isNaN(standing.sinceMs) || endMs - standing.sinceMs < threshold.forMs) continue
      standing.raised = true
      context.report({
        process: context.tracks.process[track]!,
        track,
        severity: severityOf(threshold),
        value,
        expectedLow: side === 'below' ? limit : Number.NaN,
        expectedHigh: side === 'above' ? limit : Number.NaN,
        centre: Number.NaN,
        score: 0,
        rule: `${side} ${limit}`,
      })
    }
  }
  const ofTrack = standings.get(track)
  if (ofTrack !== undefined && ofTrack.size > held) dropUnset(ofTrack, thresholds, metric)
}

/** A limit that is set no more is forgotten: set again later, it begins anew. */
function dropUnset(ofTrack: Map<string, Standing>, thresholds: readonly Threshold[], metric: string): void {
  for (const key of ofTrack.keys()) {
    const isSet = thresholds.some((each, place) => {
      if (each.metric !== metric) return false
      return (['above', 'below'] as const).some((side) => keyOf(place, side, each[side]) === key)
    })
    if (!isSet) ofTrack.delete(key)
  }
}

const keyOf = (place: number, side: 'above' | 'below', limit: number | undefined): string => `${place}/${side}/${limit}`

function standingOf(standings: State['standings'], track: number, key: string): Standing {
  const ofTrack = standings.get(track) ?? new Map<string, Standing>()
  standings.set(track, ofTrack)
  const standing = ofTrack.get(key) ?? { sinceMs: Number.NaN, raised: false }
  ofTrack.set(key, standing)
  return standing
}

/** `beyond` is how far the value is outside, negative inside. Once raised, it must come back by `gap`. */
function judgeLimit(standing: Standing, beyond: number, gap: number, startMs: number): void {
  const isOut = beyond > 0 || (standing.raised && beyond > -gap)
  if (!isOut) {
    standing.raised = false
    standing.sinceMs = Number.NaN
  } else if (Number.isNaN(standing.sinceMs)) standing.sinceMs = startMs
}

function severityOf({ severity }: Threshold): Severity.INFO | Severity.WARNING | Severity.CRITICAL {
  return severity === Severity.UNSPECIFIED ? Severity.WARNING : severity
}
