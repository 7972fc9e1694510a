import type { Refusal } from './point-sink.ts'

/** Where decoders put records that become rows of logs. */
export interface LogSink {
  /**
   * `timeMs` is checked by the sink; null for a record that has none. `severity` is 1 to 24, or 0. `attributes` is a
   * JSON object as text, or empty.
   */
  row(process: string, timeMs: number | null, severity: number, body: Uint8Array, attributes: string): void
  refuse(refusal: Refusal): void
}
