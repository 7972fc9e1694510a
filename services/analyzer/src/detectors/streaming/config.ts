/** Settings of the streaming detector. Spans and lengths count rows of the series, whatever their interval is. */
export interface StreamingConfig {
  /** Alarm when the surprise reaches this, in powers of ten: 2 is what happens once in 100 stretches of 40 rows. */
  readonly threshold: number
  /** How much each alarm of late raises the threshold. */
  readonly habituation: number
  /** An alarm is forgotten over this multiple of the rows seen, within these bounds. */
  readonly habituationGrowth: number
  readonly habituationRowsMin: number
  readonly habituationRowsMax: number
  /** After an alarm none follows for this share of the rows seen, within these bounds. */
  readonly silenceGrowth: number
  readonly silenceRowsMin: number
  readonly silenceRowsMax: number
  /** Spans of the running means: a few rows, some, many. */
  readonly shortRows: number
  readonly middleRows: number
  readonly longRows: number
  readonly centreRows: number
  readonly slowRows: number
  /** A row moves what is learned by no more than this many spreads: one absurd value must not blind for long. */
  readonly reachSpreads: number
  /** Rows over which it is forgotten how far rows were away. */
  readonly reachRows: number
  /** Span over which a forecaster's errors tell how far it is trusted. */
  readonly trustRows: number
  /** Rows after which the mean of a half hour, or of an hour of the week, gives old rows up for new ones. */
  readonly seasonRowsMax: number
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
  /** The most that one view may contribute. */
  readonly surpriseMax: number
}

/** What ships: the product and the benchmark use the same. `bench/detection/nab/README.md` tells how it was chosen. */
export const defaultStreamingConfig: StreamingConfig = {
  threshold: 1.6,
  habituation: 0.3,
  habituationGrowth: 2,
  habituationRowsMin: 200,
  habituationRowsMax: 10_000,
  silenceGrowth: 0.08,
  silenceRowsMin: 20,
  silenceRowsMax: 100,
  shortRows: 5,
  middleRows: 10,
  longRows: 20,
  slowRows: 100,
  centreRows: 300,
  reachSpreads: 1000,
  reachRows: 10_000,
  trustRows: 1000,
  seasonRowsMax: 150,
  blockRowsMin: 20,
  blockRowsMax: 40,
  blockGrowth: 0.03,
  blocksMin: 6,
  tailShare: 0.15,
  tailPriorWeight: 10,
  tailPriorIndex: 4,
  surpriseMax: 8,
}
