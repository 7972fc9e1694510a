import type { ProcessMetrics } from '../../api/types.ts'
import { format, plain } from '../../format.ts'
import type { ProcessKind } from '../../process-id.ts'
import type { Phrase } from './finding.ts'

export interface EventFindingInput {
  readonly name: string
  readonly kind: ProcessKind
  /** The worst anomaly that lasts, in words. */
  readonly wrong: string | null
  readonly metrics: Pick<ProcessMetrics, 'executionTime' | 'successRate' | 'throughput'> | null
  /** When something was last heard, ms; null when that is not asked for. */
  readonly lastSeenMs: number | null
  readonly atMs: number
  readonly isSilent: boolean
}

const verbs: Partial<Record<ProcessKind, readonly [string, string]>> = {
  device: ['sends', 'msg'],
  log: ['writes', 'lines'],
  service: ['handles', 'calls'],
  flow: ['makes', 'runs'],
}

/** What a device, log, service or flow does, in one sentence from nothing but the values that the page shows. */
export function eventFindingOf(input: EventFindingInput): Phrase[] {
  const { name, metrics } = input
  if (input.isSilent && input.lastSeenMs !== null)
    return [
      { text: `${name} was last heard ` },
      { text: format.ago(input.lastSeenMs, input.atMs) ?? '', strong: true },
      { text: '.' },
    ]
  if (input.wrong) return [{ text: input.wrong.replace(/[.]?$/, '.'), strong: true }]
  const [verb, noun] = verbs[input.kind] ?? ['does', 'runs']
  const phrases: Phrase[] = []
  const throughput = metrics?.throughput ?? null
  if (throughput !== null)
    phrases.push({ text: `${name} ${verb} ` }, { text: plain(format.rate(throughput, noun)), strong: true })
  const time = format.duration(metrics?.executionTime)
  if (time !== null)
    phrases.push({ text: phrases.length > 0 ? ', one in ' : `${name} takes ` }, { text: time, strong: true })
  const success = metrics?.successRate ?? null
  if (success !== null)
    phrases.push(
      { text: phrases.length > 0 ? '; ' : `${name}: ` },
      { text: plain(format.share(success)), strong: true },
      { text: ' went well' },
    )
  if (phrases.length === 0) return [{ text: `Nothing was heard of ${name} in this time.` }]
  return [...phrases, { text: '.' }]
}
