import type { ReportFormat } from './report-format.ts'
import type { CompletionReport, PerformanceReport } from './report-schemas.ts'

/** The one sentence that a report begins with. */
export function completionFinding(
  { totals, flows }: Pick<CompletionReport, 'totals' | 'flows'>,
  format: ReportFormat,
): string {
  if (totals.runs === 0) return 'No run was made in this period.'
  const judged = totals.succeeded + totals.failed + totals.timeout
  const of = flows.length === 1 ? flows[0]!.name : `${format.count(flows.length)} business processes`
  const runs = `${format.count(judged)} ${judged === 1 ? 'run' : 'runs'} of ${of}`
  if (judged === 0) return `No run of ${of} was left to end by itself in this period.`
  if (totals.succeeded === judged) return `All ${runs} succeeded.`
  const begin = `${format.share(totals.successRate)} of ${runs} succeeded`
  const worst = flows[0]!
  const frequent = worst.failures[0]
  const where = frequent === undefined ? '' : `, most at step ${frequent.stepNumber}, ${frequent.stepName}`
  if (flows.length === 1) return `${begin}; ${format.count(judged - totals.succeeded)} did not${where}.`
  const share = format.share(worst.successRate)
  return `${begin}; the lowest is ${worst.name} with ${share}${where}.`
}

export function performanceFinding({ processes }: Pick<PerformanceReport, 'processes'>, format: ReportFormat): string {
  if (processes.length === 0) return 'No process was seen in this period.'
  const many = processes.length > 1
  const of = many ? `${format.count(processes.length)} processes` : processes[0]!.processId
  const off = processes.filter(({ anomalies }) => anomalies.count > 0)
  if (off.length === 0) return `${many ? `All ${of}` : of} kept to what is usual.`
  const total = off.reduce((sum, { anomalies }) => sum + anomalies.count, 0)
  const lasting = off.reduce((sum, { anomalies }) => sum + anomalies.open, 0)
  const counted = total === 1 ? 'one anomaly' : `${format.count(total)} anomalies`
  const still = lasting === 0 ? '' : `, ${lasting === total ? 'all' : format.count(lasting)} still open`
  const worst = [...off].sort((a, b) => b.anomalies.openTime - a.anomalies.openTime)[0]!
  const longest = format.duration(worst.anomalies.openTime)
  if (!many) return `${of} had ${counted} in ${longest} altogether${still}.`
  const begin = `${format.count(off.length)} of ${of} drifted, with ${counted}${still}`
  return `${begin}; longest ${worst.processId}, for ${longest}.`
}
