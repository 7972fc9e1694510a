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
