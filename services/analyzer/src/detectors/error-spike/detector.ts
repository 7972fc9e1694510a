import { kpiNumber, Severity } from '@driftline/proto'
import { youth } from '../../baseline/baselines.ts'
import type { ClosedBucket, DetectionContext, Detector, DetectorState } from '../../detection/detector.ts'

const STATE_VERSION = 1
const INITIAL_TRACKS = 256
const OPEN_AFTER_MS = 5000
const CLOSE_AFTER_MS = 12_000
/** A baseline of no errors is taken for this share of errors, so that 5 % is a spike at five times. */
const BASELINE_MIN = 0.01
const ERRORS_MIN = 6
/** What is rare is summed up over about 20 s, what is frequent over as many events as tell a share. */
const MEMORY_S = 20
const EVENTS_ENOUGH = 50
/** Chance alone stays below this many standard deviations of a count. */
const COUNT_SIGMAS = 4
const SIGNIFICANT_SPREADS = 4
const HOLD_SHARE = 0.75
const CRITICAL_SHARE = 0.5
const CRITICAL_ERRORS = 20
const VALUE_MAX = 1e37

const errorRate = kpiNumber('error_rate')
const throughput = kpiNumber('throughput')

interface Columns {
  readonly errors: Float32Array
  readonly events: Float32Array
  readonly lastS: Uint32Array
  readonly raised: Uint8Array
}

const createColumns = (tracks: number): Columns => ({
  errors: new Float32Array(tracks),
  events: new Float32Array(tracks),
  lastS: new Uint32Array(tracks),
  raised: new Uint8Array(tracks),
})

/** `from` copied into columns with room for `tracks`. */
function columnsFrom(from: Columns, tracks: number): Columns {
  const columns = createColumns(tracks)
  columns.errors.set(from.errors)
  columns.events.set(from.events)
  columns.lastS.set(from.lastS)
  columns.raised.set(from.raised)
  return columns
}

/**
 * An error rate of several times its usual level (in odds, so that there is a limit below 100 % also where errors are
 * common), by counts that chance does not explain.
 */
export function createErrorSpike(): Detector {
  let c = createColumns(INITIAL_TRACKS)
  // Events of the bucket by process number, and the bucket that they belong to: nothing is allocated per bucket.
  let events = new Float64Array(INITIAL_TRACKS)
  let eventsAtS = new Float64Array(INITIAL_TRACKS)

  function countEvents(bucket: ClosedBucket, { tracks, processes }: DetectionContext, bucketS: number): void {
    if (events.length < processes.size) {
      events = new Float64Array(processes.size * 2)
      eventsAtS = new Float64Array(processes.size * 2)
    }
    const seconds = Math.max(1, (bucket.endMs - bucket.startMs) / 1000)
    for (let at = 0; at < bucket.count; at++) {
      if (tracks.kpi[bucket.track[at]!] === throughput)
        note(tracks.process[bucket.track[at]!]!, bucket.value[at]! * seconds)
    }
    // Throughput of program groups counts starts; errors are a share of ends.
    for (const life of bucket.lives) note(life.process, life.expectedEnds + life.unexpectedEnds)

    function note(process: number, count: number): void {
      if (!(count >= 0 && count < VALUE_MAX)) return
      events[process] = count
      eventsAtS[process] = bucketS
    }
  }

  function take(track: number, process: number, bucketS: number, rate: number): void {
    const known = eventsAtS[process] === bucketS ? events[process]! : 0
    const count = known > 0 ? known : 1
    const gapS = c.lastS[track] === 0 ? 0 : Math.max(0, bucketS - c.lastS[track]!)
    const keep = Math.exp(-gapS / MEMORY_S) * Math.max(0, 1 - count / EVENTS_ENOUGH)
    c.errors[track] = c.errors[track]! * keep + rate * count
    c.events[track] = c.events[track]! * keep + count
    c.lastS[track] = bucketS
  }

  function judge(track: number, process: number, context: DetectionContext): void {
    const { baselines } = context
    const centre = Math.min(1, Math.max(0, baselines.centre(track)))
    const limit = limitOf(centre, baselines.spread(track), context.settings(process).errorSpikeMultiple)
    const wide = Math.min(0.95, limit * youth(baselines.minutes(track)))
    const errors = c.errors[track]!
    const count = c.events[track]!
    const rate = errors / count
    const expected = Math.max(centre, BASELINE_MIN) * count
    const byChance = expected + COUNT_SIGMAS * Math.sqrt(expected)
    const held = c.raised[track] === 1
    if (held ? rate < wide * HOLD_SHARE : rate < wide || errors < ERRORS_MIN || errors < byChance) {
      c.raised[track] = 0
      return
    }
    c.raised[track] = 1
    context.report({
      process,
      track,
      severity: rate >= CRITICAL_SHARE && errors >= CRITICAL_ERRORS ? Severity.CRITICAL : Severity.WARNING,
      value: rate,
      expectedLow: 0,
      expectedHigh: limit,
      centre,
      score: Math.min(1e6, (rate - centre) / baselines.spread(track)),
    })
  }

  return {
    type: 'error_spike',
    openAfterMs: OPEN_AFTER_MS,
    closeAfterMs: CLOSE_AFTER_MS,
    onBucket(bucket, context) {
      const { tracks, baselines } = context
      const bucketS = Math.floor(bucket.startMs / 1000)
      let isCounted = false
      for (let at = 0; at < bucket.count; at++) {
        const track = bucket.track[at]!
        const rate = bucket.value[at]!
        if (tracks.kpi[track] !== errorRate || !(rate >= 0 && rate <= 1)) continue
        if (!isCounted) countEvents(bucket, context, bucketS)
        isCounted = true
        if (track >= c.lastS.length) c = columnsFrom(c, Math.max(track + 1, c.lastS.length * 2))
        const process = tracks.process[track]!
        take(track, process, bucketS, rate)
        if (baselines.isLearnt(track)) judge(track, process, context)
      }
    },
    forgetTrack(track) {
      if (track >= c.lastS.length) return
      c.errors[track] = 0
      c.events[track] = 0
      c.lastS[track] = 0
      c.raised[track] = 0
    },
    state: () => ({ version: STATE_VERSION, columns: columnsFrom(c, c.lastS.length) }),
    restore(state: DetectorState) {
      const stored = state['version'] === STATE_VERSION ? (state['columns'] as Columns) : null
      if (!(stored?.errors instanceof Float32Array))
        throw new TypeError('error_spike: the stored state is of another version')
      c = columnsFrom(stored, Math.max(1, stored.lastS.length))
    },
  }
}

function limitOf(centre: number, spread: number, multiple: number): number {
  const base = Math.max(centre, BASELINE_MIN)
  // Five times 1 % is 5 %; of 40 % it is five times the odds: 77 %.
  const odds = (multiple * base) / (1 - Math.min(0.999, base))
  return Math.max(odds / (1 + odds), centre + SIGNIFICANT_SPREADS * spread * (1 - centre))
}
