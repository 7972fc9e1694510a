import type { ClosedMinute, DetectionConfig, DetectorState, Tracks } from './detector.ts'

/** What is usual of each track, as of the bucket that is being judged. Reading costs an array access. */
export interface Baselines {
  /** False while there is too little data: relative detectors then say nothing. */
  isLearnt(track: number): boolean
  /** What is usual at this moment of the week; NaN while nothing is known. */
  centre(track: number): number
  /** Robust standard deviation, never below the floor of the track (1 % of the centre, or its resolution). */
  spread(track: number): number
  /** Minutes with data that it was learnt from. */
  minutes(track: number): number
}

/**
 * The engine's side of baselines. Per unit it calls `moveTo` before each bucket or minute is judged, and `learn` after
 * a minute was judged and its deviation published: a minute is compared with what was known before it. Stored minutes
 * of the past are learnt in the same way, in order, before the first live one.
 */
export interface LearningBaselines extends Baselines {
  /** `centre` and `spread` are asked for this event time from now on. */
  moveTo(timeMs: number): void
  learn(minute: ClosedMinute, tracks: Tracks): void
  /** The number is about to be given to another. */
  forgetTrack(track: number): void
  /** As of Detector. */
  state(): DetectorState
  restore(state: DetectorState): void
  /** Whether `centre` follows the hours of the week. */
  hasSeason?(track: number): boolean
  /** Event time at which a lasting level was last taken for the new normal; NaN for never. */
  shiftedAtMs?(track: number): number
}

export type CreateBaselines = (config: DetectionConfig) => LearningBaselines
