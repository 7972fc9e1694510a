import { logMetrics, parseProcessId, processMetrics } from '@driftline/proto'
import type { SeriesText } from './point-sink.ts'

/** Lines of one request by process and level, from which rates and the KPIs of logs are made. */
export interface LineCounts {
  /** `severity` is 0 to 24. */
  count(process: string, severity: number, timeMs: number): void
  flush(add: (series: SeriesText, timeMs: number, value: number) => void): void
}

/** Severities of OpenTelemetry by fours; none comes first. */
const LEVELS = ['none', 'trace', 'debug', 'info', 'warn', 'error', 'fatal']
const ERROR_LEVEL = LEVELS.indexOf('error')

interface Counted {
  timeMs: number
  readonly byLevel: Float64Array
}

export function createLineCounts(): LineCounts {
  const processes = new Map<string, Counted>()
  return {
    count(process, severity, timeMs) {
      let counted = processes.get(process)
      if (counted === undefined) {
        counted = { timeMs, byLevel: new Float64Array(LEVELS.length) }
        processes.set(process, counted)
      }
      counted.timeMs = Math.max(counted.timeMs, timeMs)
      counted.byLevel[Math.ceil(severity / 4)]! += 1
    },
    flush(add) {
      for (const [process, { timeMs, byLevel }] of processes) {
        const tell = (
          { name, unit, kind }: { name: string; unit: string; kind: SeriesText['kind'] },
          value: number,
          attributes = {},
        ): void => add({ process, metric: name, unit, kind, attributes }, timeMs, value)
        for (const [level, count] of byLevel.entries()) {
          if (count > 0) tell(logMetrics.lines, count, { 'log.level': LEVELS[level]! })
        }
        // What a service does is counted by its requests; of a log there is nothing but its lines.
        if (parseProcessId(process).kind !== 'log') continue
        tell(processMetrics.events, sumOf(byLevel, 0))
        tell(processMetrics.failedEvents, sumOf(byLevel, ERROR_LEVEL))
      }
      processes.clear()
    },
  }
}

function sumOf(counts: Float64Array, from: number): number {
  let total = 0
  for (let i = from; i < counts.length; i++) total += counts[i]!
  return total
}
