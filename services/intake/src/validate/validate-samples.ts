import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import { decodeSamples, encodeSamples, type SampleColumns } from '@driftline/proto'
import type { IntakeLimits } from '../limits.ts'
import type { Reason } from './reasons.ts'
import { REFUSED, type SeriesMap } from './series-map.ts'

/** Samples with our series ids, encoded by us. */
export interface MappedSamples {
  readonly encoded: Uint8Array
  readonly count: number
  /** Samples left out because the definition of their series was refused or found no room. */
  readonly dropped: number
}

const refuse = (reason: Reason, detail: string): Verdict<never> => deadLetter(reason, detail)

/** Decodes, checks and maps an encoded SampleBatch. */
export function validateSamples(
  bytes: Uint8Array,
  series: SeriesMap,
  limits: IntakeLimits,
  nowMs: number,
): Verdict<MappedSamples> {
  let columns: SampleColumns | null
  try {
    columns = decodeSamples(bytes)
  } catch (error) {
    return refuse('samples_malformed', (error as Error).message)
  }
  if (columns === null) return refuse('samples_unequal_lengths', 'series, time_offset_ms and value differ in length')
  if (columns.count > limits.samplesMax) {
    return refuse('samples_too_many', `${columns.count} samples exceed ${limits.samplesMax}`)
  }
  const timeProblem = checkTimes(columns, limits, nowMs)
  if (timeProblem !== null) return timeProblem
  return mapSamples(columns, series)
}

function checkTimes(columns: SampleColumns, limits: IntakeLimits, nowMs: number): Verdict<never> | null {
  if (columns.count === 0) return null
  const offsets = columns.timeOffsetMs
  let first = offsets[0]!
  let last = first
  for (let i = 1; i < offsets.length; i++) {
    const offset = offsets[i]!
    if (offset < first) first = offset
    if (offset > last) last = offset
  }
  return checkTime(columns.baseTimeMs, first, limits, nowMs) ?? checkTime(columns.baseTimeMs, last, limits, nowMs)
}

/** Compares in BigInt, where no base time can overflow. */
export function checkTime(
  baseTimeMs: bigint,
  offsetMs: number,
  limits: IntakeLimits,
  nowMs: number,
): Verdict<never> | null {
  const agoMs = BigInt(nowMs) - (baseTimeMs + BigInt(offsetMs))
  if (agoMs > BigInt(limits.ageMsMax)) return refuse('time_too_old', `${agoMs} ms ago exceeds ${limits.ageMsMax}`)
  if (-agoMs > BigInt(limits.aheadMsMax))
    return refuse('time_in_future', `${-agoMs} ms ahead exceeds ${limits.aheadMsMax}`)
  return null
}

/**
 * Writes our ids in place of the agent's: the hot path of the intake, so it makes no object per sample. Samples whose
 * definition was refused are left out by moving the rest down.
 */
export function mapSamples(columns: SampleColumns, series: SeriesMap): Verdict<MappedSamples> {
  const { count, seriesPairs, timeOffsetMs, value } = columns
  const lows = series.lows()
  const highs = series.highs()
  const pairs = new Uint32Array(count * 2)
  let offsets = timeOffsetMs
  let values = value
  let kept = 0
  for (let i = 0; i < count; i++) {
    const each = values[i]!
    // A number minus itself is 0 unless it is infinite or not a number.
    if (each - each !== 0) return refuse('value_not_finite', `value ${i} is ${each}`)
    const index = series.indexOf(seriesPairs[2 * i]!, seriesPairs[2 * i + 1]!)
    if (index > REFUSED) {
      if (kept !== i) {
        offsets[kept] = offsets[i]!
        values[kept] = each
      }
      pairs[2 * kept] = lows[index]!
      pairs[2 * kept + 1] = highs[index]!
      kept += 1
    } else if (index === REFUSED || series.overflowed) {
      // The columns may be views of the peer's message, which a dead letter still shows: change copies.
      if (kept === i && offsets === timeOffsetMs) {
        offsets = timeOffsetMs.slice()
        values = value.slice()
      }
    } else return refuse('series_undefined', `sample ${i} names a series that was not defined on this stream`)
  }
  const encoded = encodeSamples({
    baseTimeMs: columns.baseTimeMs,
    seriesPairs: pairs.subarray(0, 2 * kept),
    timeOffsetMs: offsets.subarray(0, kept),
    value: values.subarray(0, kept),
  })
  return emit({ encoded, count: kept, dropped: count - kept })
}
