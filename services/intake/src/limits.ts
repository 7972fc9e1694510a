/** Bounds on what a peer may send. What exceeds one is refused with its own reason. */
export interface IntakeLimits {
  /** Readings older than this are refused: raw data would be deleted on arrival. Milliseconds. */
  readonly ageMsMax: number
  /** How far a peer's clock may be ahead of ours, milliseconds. */
  readonly aheadMsMax: number
  /** Series that one stream may define. */
  readonly seriesMax: number
  /** Samples of one batch. */
  readonly samplesMax: number
  /** Rows of each part of a process table. */
  readonly rowsMax: number
  /** Bytes of one text of a process table, such as a command line. */
  readonly textBytesMax: number
  /** Bytes of one record that the bus takes. */
  readonly recordBytesMax: number
}

const HOUR = 3_600_000
const MIB = 1024 * 1024

/** The bounds without settings. The bus takes 4 MiB; what is left is room for key and headers. */
export const defaultLimits: IntakeLimits = {
  ageMsMax: 48 * HOUR,
  aheadMsMax: 10 * 60_000,
  seriesMax: 200_000,
  samplesMax: 200_000,
  rowsMax: 50_000,
  textBytesMax: 16_384,
  recordBytesMax: 4 * MIB - 4096,
}
