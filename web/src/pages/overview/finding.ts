import type { ProcessItem } from '../../api/types.ts'
import { type Format, plain } from '../../format.ts'
import { readableId } from '../../process-id.ts'

/** What the page says first: a bold sentence, then a quiet one. */
export interface Finding {
  readonly say: string
  readonly more: string
}

export interface FindingInput {
  readonly items: readonly ProcessItem[]
  /** When data began, in ms since 1970; null while unknown. */
  readonly sinceMs: number | null
  /** In the server's clock. */
  readonly nowMs: number
  /** The moment shown, or null when live. */
  readonly atMs: number | null
}

const freshMs = 30 * 60_000
/** Figures of a second come within two; older than this, something between here and there has stopped. */
const staleMs = 20_000

/** The state of the estate in one sentence with numbers. */
export function findingOf(input: FindingInput, format: Format): Finding {
  const many = (count: number, one: string, more: string) => `${format.count(count)} ${count === 1 ? one : more}`
  const hosts = input.items.filter((item) => item.kind === 'host')
  const groups = input.items.filter((item) => item.kind === 'os')
  const instances = groups.reduce((sum, item) => sum + (item.metrics?.values.instances ?? 0), 0)
  const total = input.items.length
  if (total === 0)
    return { say: input.atMs === null ? 'Nothing has been heard yet.' : 'Nothing was watched then.', more: '' }

  const sum = `${many(instances, 'process', 'processes')}, ${many(groups.length, 'group', 'groups')}`
  if (input.atMs !== null)
    return {
      say: `${many(total, 'process was', 'processes were')} watched at ${format.clock(input.atMs)}.`,
      more: busiest(groups, format, 'was'),
    }

  const late = staleness(input)
  if (late !== null)
    return {
      say: `The newest figures are ${format.seconds(late / 1000)} old.`,
      more: 'What is shown is the last that came.',
    }

  const critical = input.items.filter((item) => item.status === 'critical').length
  const warning = input.items.filter((item) => item.status === 'warning').length
  const silent = input.items.filter((item) => item.status === 'silent')
  if (critical + warning > 0)
    return {
      say: `${format.count(critical + warning)} of ${many(total, 'process', 'processes')} ${critical + warning === 1 ? 'is' : 'are'} drifting.`,
      more: critical ? `${format.count(critical)} critical.` : '',
    }
  if (silent.length > 0) {
    const quietHosts = silent.filter((item) => item.kind === 'host').map((item) => item.name)
    const more =
      quietHosts.length > 0
        ? `Not heard from: ${quietHosts.slice(0, 3).join(', ')}${quietHosts.length > 3 ? ' and more' : ''}.`
        : ''
    return {
      say: `${format.count(silent.length)} of ${many(total, 'process', 'processes')} ${silent.length === 1 ? 'is' : 'are'} silent.`,
      more,
    }
  }
  const age = input.sinceMs === null ? null : input.nowMs - input.sinceMs
  if (hosts.length <= 1 && age !== null && age < freshMs) {
    return { say: `This machine is on the air. ${sum}, first sample ${format.seconds(age / 1000)} ago.`, more: '' }
  }
  return {
    say: `All is heard from: ${sum} on ${many(hosts.length, 'host', 'hosts')}.`,
    more: busiest(groups, format, 'is'),
  }
}

/** How old the newest figures of hosts that are heard from are, where that is too old; ms. */
function staleness(input: FindingInput): number | null {
  let newest = Number.NEGATIVE_INFINITY
  for (const item of input.items) {
    if (item.kind === 'host' && item.status !== 'silent' && item.metrics)
      newest = Math.max(newest, Date.parse(item.metrics.timestamp))
  }
  const age = input.nowMs - newest
  return Number.isFinite(age) && age > staleMs ? age : null
}

function busiest(groups: readonly ProcessItem[], format: Format, verb: string): string {
  let top: ProcessItem | null = null
  for (const item of groups) {
    if (item.status === 'silent') continue
    if ((item.metrics?.values.cpuCores ?? 0) > (top?.metrics?.values.cpuCores ?? 0)) top = item
  }
  const cpu = format.cpu(top?.metrics?.values.cpuCores)
  return top && cpu ? `Busiest ${verb} ${readableId(top.processId).last}: ${plain(cpu)} CPU.` : ''
}
