import type { LogSink } from '../log-sink.ts'
import type { PointSink, Refused, SeriesText } from '../point-sink.ts'

/** What a decoder put into a sink, for tests. */
export interface RecordingSink extends PointSink, LogSink {
  readonly defined: SeriesText[]
  readonly added: { handle: number; timeMs: number; value: number }[]
  readonly skipped: Record<string, number>
  readonly refused: (Refused & { count: number; payload: Uint8Array })[]
  readonly rows: { process: string; timeMs: number | null; severity: number; body: string; attributes: string }[]
  /** Samples as `process metric{attributes} value @time`. */
  lines(): string[]
}

/** Takes every series, or refuses those for which `refuse` gives a reason. */
export function createRecordingSink(refuse: (series: SeriesText) => Refused | null = () => null): RecordingSink {
  const sink: RecordingSink = {
    defined: [],
    added: [],
    skipped: {},
    refused: [],
    rows: [],
    define(series) {
      return refuse(series) ?? sink.defined.push(series) - 1
    },
    add(handle, timeMs, value) {
      sink.added.push({ handle, timeMs, value })
      return true
    },
    skip(reason, count) {
      sink.skipped[reason] = (sink.skipped[reason] ?? 0) + count
    },
    refuse({ reason, detail, count, payload }) {
      sink.refused.push({ reason, detail, count, payload: payload() })
    },
    row(process, timeMs, severity, body, attributes) {
      sink.rows.push({ process, timeMs, severity, body: Buffer.from(body).toString(), attributes })
    },
    lines: () =>
      sink.added.map(({ handle, timeMs, value }) => {
        const { process, metric, attributes } = sink.defined[handle]!
        return `${process} ${metric}${JSON.stringify(attributes)} ${value} @${timeMs}`
      }),
  }
  return sink
}
