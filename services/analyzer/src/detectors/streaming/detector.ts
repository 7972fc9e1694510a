import { kpis, Severity } from '@driftline/proto'
import type {
  ClosedMinute,
  DetectionConfig,
  DetectionContext,
  Detector,
  DetectorState,
  Finding,
} from '../../detection/detector.ts'
import { streamingView, type TypedArray } from './columns.ts'
import { defaultStreamingConfig } from './config.ts'
import { createSlotState, createSlots, type SlotState } from './slots.ts'
import { createStreaming, type StreamingDetector } from './streaming.ts'

const STATE_VERSION = 1
const MINUTE_MS = 60_000
/** Two calm minutes, or two calm rows of what is slower, end an excursion. */
const CLOSE_AFTER_MS = 2 * MINUTE_MS
const STREAMING_MAX = 1000
/** A group of processes is worth a slot once it has had data in so many minutes, with no gap longer than this. */
const GROUP_MINUTES = 60
const GROUP_GAP_MINUTES = 10
/** After an alarm a row is still unusual at this surprise, or this far from its baseline (in spreads). */
const HOLD_SURPRISE = 1
const HOLD_SPREADS = 4
/** A series that comes back this near to a baseline of two hours does nothing new, however far it had been away. */
const BACK_SPREADS = 2
const BACK_MINUTES = 120
/** Surprise that is worth somebody's attention, in powers of ten. */
const WARNING_SURPRISE = 3
/** Of groups of processes there are so many series that an alarm as such is nothing to tell. */
const GROUP_SURPRISE = 3
/** What has gone on for so many rows is how the series is now. */
const HELD_ROWS_MAX = 60
/** The sensitivity at which the threshold is the one that was chosen on the benchmark; half of a step doubles it. */
const SENSITIVITY_AS_CHOSEN = 0.8
const SENSITIVITY_STEP = 0.4

const words: Readonly<Record<number, string>> = {
  [streamingView.unrest]: 'and harder to foretell than it was',
  [streamingView.scatter]: 'and scattered more widely than it was',
}

/** Views of how high the series is; the others are of its unrest. */
const levelViews: ReadonlySet<number> = new Set([
  streamingView.miss,
  streamingView.above,
  streamingView.below,
  streamingView.shift,
  streamingView.rise,
  streamingView.fall,
  streamingView.dampedShift,
])

/** An alarm that is reported: rows since, and what was expected when it came. By track. */
interface Held {
  rows: number
  readonly low: number
  readonly high: number
  severity: Finding['severity']
}

/** Threshold of a sensitivity of 0 to 1: four times the chosen one at 0, 0.7 of it at 1. */
export const thresholdOf = (sensitivity: number): number =>
  defaultStreamingConfig.threshold * 2 ** ((SENSITIVITY_AS_CHOSEN - sensitivity) / SENSITIVITY_STEP)

/** What a single series has not done before, by its closed minutes: level, slope, unrest, or the wrong time of day. */
export function createStreamingDetector(config: DetectionConfig): Detector {
  const slotsMax = config.streamingMax ?? STREAMING_MAX
  let slots = createSlots(createSlotState(), slotsMax)
  let streaming = createStreaming(defaultStreamingConfig)
  let held = new Map<number, Held>()
  // Minutes of groups of processes that have no slot, and the last of them.
  let groupMinutes = new Uint8Array(0)
  let groupLast = new Uint32Array(0)

  /** Whether a group of processes has had data for so long that it is not one of those that come and go. */
  function isLasting(track: number, minute: number): boolean {
    if (track >= groupMinutes.length) {
      const length = Math.max(track + 1, groupMinutes.length * 2)
      groupMinutes = Uint8Array.from({ length }, (_, at) => groupMinutes[at] ?? 0)
      groupLast = Uint32Array.from({ length }, (_, at) => groupLast[at] ?? 0)
    }
    if (minute - groupLast[track]! > GROUP_GAP_MINUTES) groupMinutes[track] = 0
    if (minute > groupLast[track]! && groupMinutes[track]! < GROUP_MINUTES) groupMinutes[track]! += 1
    groupLast[track] = minute
    return groupMinutes[track] === GROUP_MINUTES
  }

  function slotOf(track: number, minute: number, { tracks, processes }: DetectionContext): number {
    const known = slots.of(track)
    if (known !== -1) return known
    if (kpis[tracks.kpi[track]!]?.baseline === false) return -1
    if (!slots.hasRoom(false)) return -1
    const process = processes.id(tracks.process[track]!)
    // Of a flow each value is a run by itself: one that is slower than others is nothing that the series has not done.
    if (process.startsWith('flow:')) return -1
    const isGroup = process.startsWith('os:')
    if (isGroup && (!isLasting(track, minute) || !slots.hasRoom(true))) return -1
    const slot = slots.take(track, isGroup)
    streaming.reset(slot)
    return slot
  }

  function report(track: number, value: number, { report, tracks }: DetectionContext, of: Held): void {
    const severity = streaming.surprise >= WARNING_SURPRISE ? Severity.WARNING : Severity.INFO
    if (severity > of.severity) of.severity = severity
    const { centre, expectedLow, expectedHigh, surprise, view } = streaming
    const said = words[view]
    report({
      process: tracks.process[track]!,
      track,
      severity: of.severity,
      value,
      expectedLow,
      expectedHigh,
      centre,
      score: surprise,
      ...(said === undefined ? {} : { words: said }),
    })
  }

  /** In spreads from the baseline; NaN while that is not learnt. */
  function deviation(track: number, value: number, { baselines }: DetectionContext): number {
    if (!baselines.isLearnt(track)) return Number.NaN
    return Math.abs(value - baselines.centre(track)) / baselines.spread(track)
  }

  function isBack(track: number, spreads: number, { baselines }: DetectionContext): boolean {
    return levelViews.has(streaming.view) && spreads <= BACK_SPREADS && baselines.minutes(track) >= BACK_MINUTES
  }

  function observe(slot: number, track: number, startMs: number, value: number, context: DetectionContext): void {
    const { sensitivity } = context.settings(context.tracks.process[track]!)
    streaming.observe(slot, startMs, value, thresholdOf(sensitivity))
    const spreads = deviation(track, value, context)
    const isTold = streaming.surprise >= GROUP_SURPRISE || !slots.isGroup(slot)
    if (streaming.alarm && isTold && !held.has(track) && !isBack(track, spreads, context)) {
      const { expectedLow: low, expectedHigh: high } = streaming
      held.set(track, { rows: 0, low, high, severity: Severity.INFO })
    }
    const alarm = held.get(track)
    if (alarm === undefined) return
    alarm.rows += 1
    const isOutside = Number.isNaN(spreads) ? value < alarm.low || value > alarm.high : spreads > HOLD_SPREADS
    const goesOn =
      alarm.rows === 1 || isOutside || (streaming.surprise >= HOLD_SURPRISE && !isBack(track, spreads, context))
    if (goesOn && alarm.rows <= HELD_ROWS_MAX) report(track, value, context, alarm)
    else held.delete(track)
  }

  return {
    type: 'streaming',
    openAfterMs: 0,
    closeAfterMs: CLOSE_AFTER_MS,
    onMinute({ startMs, count, track, value }: ClosedMinute, context) {
      const minute = Math.floor(startMs / MINUTE_MS)
      for (let at = 0; at < count; at++) {
        const slot = slotOf(track[at]!, minute, context)
        if (slot !== -1) observe(slot, track[at]!, startMs, value[at]!, context)
      }
    },
    forgetTrack(track) {
      slots.release(track)
      held.delete(track)
      if (track < groupMinutes.length) {
        groupMinutes[track] = 0
        groupLast[track] = 0
      }
    },
    state: () => ({
      version: STATE_VERSION,
      slots: slots.state(),
      columns: streaming.columns(),
      held,
      groupMinutes,
      groupLast,
    }),
    restore(state: DetectorState) {
      const stored = storedState(state, slotsMax)
      slots = createSlots(stored.slots, slotsMax)
      streaming = stored.streaming
      held = stored.held
      groupMinutes = stored.groupMinutes
      groupLast = stored.groupLast
    },
  }
}

interface Stored {
  readonly slots: SlotState
  readonly streaming: StreamingDetector
  readonly held: Map<number, Held>
  readonly groupMinutes: Uint8Array<ArrayBuffer>
  readonly groupLast: Uint32Array<ArrayBuffer>
}

/** Fewer slots than were stored, because the setting is lower now, begin anew as another version would. */
function storedState(state: DetectorState, slotsMax: number): Stored {
  const stored = state as unknown as Omit<Stored, 'streaming'> & { columns: Record<string, TypedArray> }
  if (state['version'] !== STATE_VERSION || stored.slots.size > slotsMax) {
    throw new TypeError('streaming: the stored state is of another version or for more series')
  }
  const { slots, held, groupMinutes, groupLast } = stored
  return { slots, held, groupMinutes, groupLast, streaming: createStreaming(defaultStreamingConfig, stored.columns) }
}
