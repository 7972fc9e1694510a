import type { ProcessItem } from '../../api/types.ts'
import { chartOf, kpiWord } from '../../charts/kpi-names.ts'
import { type Band, bandOf, driftRank, scoreText } from '../../drift/score.ts'
import { type Format, plain } from '../../format.ts'
import { readableId } from '../../process-id.ts'

/** What the page says first: a bold sentence, then a quiet one. */
export interface Finding {
  readonly say: string
  readonly more: string
  /** Stands behind the rest in the colour of its band. */
  readonly hot?: { readonly text: string; readonly band: Band }
}

export interface FindingInput {
  readonly items: readonly ProcessItem[]
  /** When data began, in ms since 1970; null while unknown. */
  readonly sinceMs: number | null
  /** In the server's clock. */
  readonly nowMs: number
  /** The moment shown, or null when live. */
  readonly atMs: number | null
  /** The open anomaly of a process that tells of `kpi`, else its worst: when it began (ms), and by what KPI. */
  readonly worstOf?: (
    processId: string,
    kpi: string | null,
  ) => { readonly sinceMs: number; readonly metric: string | null } | null
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
  const off = input.items.filter((item) => item.status === 'critical' || item.status === 'warning')
  if (input.atMs !== null && off.length > 0) return drifting(input, off, format)
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

  const silent = input.items.filter((item) => item.status === 'silent')
  if (off.length > 0) return drifting(input, off, format)
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

/** How many are drifting, and which is furthest from its normal: by what, how far, for how long. */
function drifting(input: FindingInput, off: readonly ProcessItem[], format: Format): Finding {
  const [count, total] = [off.length, input.items.length]
  const then = input.atMs !== null
  const verb = count === 1 ? (then ? 'was' : 'is') : then ? 'were' : 'are'
  const when = input.atMs === null ? '' : ` at ${format.clock(input.atMs)}`
  const say = `${format.count(count)} of ${format.count(total)} ${total === 1 ? 'process' : 'processes'} ${verb} drifting${when}.`
  const far = [...off].sort((a, b) => driftRank(b) - driftRank(a))[0]
  const band = bandOf(far?.drift)
  const name = far ? readableId(far.processId).last : ''
  const worst = far && !then ? (input.worstOf?.(far.processId, far.driftKpi) ?? null) : null
  // What a rule found is said in its words: how far off something else is would explain nothing.
  const isOther = far?.driftKpi === null || (worst !== null && chartOf(worst.metric) !== chartOf(far?.driftKpi ?? null))
  if (!far || band === '' || (isOther && far.reason)) {
    const reason = far?.reason ? `${far.reason.replace(/\.$/, '')}.` : ''
    return { say, more: reason || `Look at ${name} first.` }
  }
  const lasted = worst === null ? '' : ` for ${format.seconds(Math.max(0, input.nowMs - worst.sinceMs) / 1000)}`
  return {
    say,
    more: `${count === 1 ? 'It is' : 'Furthest is'} ${name}${far.driftKpi === null ? ' at' : `: ${kpiWord(far.driftKpi)}`}`,
    hot: { text: `${scoreText(far.drift, format.tenths)}σ${lasted}`, band },
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
