/** Settings of the streaming detector. Spans and lengths count rows of the series, whatever their interval is. */
export interface StreamingConfig {
  /** Alarm when the surprise reaches this, in powers of ten: 1.3 is what happens once in 20 blocks of 40 rows. */
  readonly threshold: number
  /** How much each recent alarm raises the threshold. */
  readonly habituation: number
  /** Rows over which a past alarm is forgotten. */
  readonly habituationRows: number
  /** Rows after an alarm during which none follows. */
  readonly silenceRows: number
  /** Span of the running centre. */
  readonly centreRows: number
  /** Span of the running centre while silenced, so that a lasting change is soon the new normal. */
  readonly silencedCentreRows: number
  /** Span of the short mean. */
  readonly shortRows: number
  /** Span of the long mean. */
  readonly longRows: number
  /** A block starts at this many rows, and grows by `blockGrowth` of the rows seen to `blockRowsMax`. */
  readonly blockRowsMin: number
  readonly blockRowsMax: number
  readonly blockGrowth: number
  /** Blocks needed before anything is called surprising. */
  readonly blocksMin: number
  /** Share of the blocks that make the tail. */
  readonly tailShare: number
  /** Weight of the prior of the tail's index, in blocks, and the index that it expects. */
  readonly tailPriorWeight: number
  readonly tailPriorIndex: number
  /** Exponent of the soft maximum over the views. */
  readonly softness: number
  /** The most that one view may contribute. */
  readonly surpriseMax: number
}

export const defaultStreamingConfig: StreamingConfig = {
  threshold: 1.3,
  habituation: 0.3,
  habituationRows: 5000,
  silenceRows: 60,
  centreRows: 300,
  silencedCentreRows: 100,
  shortRows: 5,
  longRows: 20,
  blockRowsMin: 20,
  blockRowsMax: 40,
  blockGrowth: 0.03,
  blocksMin: 6,
  tailShare: 0.15,
  tailPriorWeight: 10,
  tailPriorIndex: 3,
  softness: 4,
  surpriseMax: 8,
}
