import { parseProcessId } from '@driftline/proto'
import type { VerdictCount } from '../access/verdicts.ts'
import { driftScore } from '../estate/drift-state.ts'
import type { TenantEstate } from '../estate/tenant-estate.ts'
import { isActive, processStatusOf } from '../estate/views.ts'
import { processStatus } from '../schemas/processes.ts'

const VERDICTS = 'driftline_anomaly_verdicts'
const PRECISION = 'driftline_anomaly_precision'
const OPEN_ANOMALIES = 'driftline_anomalies_open'
const OPEN_ALERTS = 'driftline_alerts_open'
const DRIFT = 'driftline_process_drift'
const STATUS = 'driftline_process_status'

/** Names that are taken; collected metrics may not be called so. */
export const detectionMetricNames = [VERDICTS, PRECISION, OPEN_ANOMALIES, OPEN_ALERTS, DRIFT, STATUS]

const TYPES_MAX = 200
const PROCESSES_MAX = 20_000
const SEVERITIES = ['info', 'warning', 'critical'] as const

/** What detection found and how people judged it, of one tenant, in Prometheus' text format. */
export function renderDetection(estate: TenantEstate, verdicts: readonly VerdictCount[], nowMs: number): string {
  return [
    ...verdictLines(verdicts),
    ...openLines(OPEN_ANOMALIES, 'Anomalies that last', estate.findings.open()),
    ...openLines(OPEN_ALERTS, 'Alerts that are not resolved', estate.findings.openAlerts()),
    ...processLines(estate, nowMs),
    '',
  ].join('\n')
}

function header(name: string, about: string): string[] {
  return [`# HELP ${name} ${about}`, `# TYPE ${name} gauge`]
}

function label(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function verdictLines(verdicts: readonly VerdictCount[]): string[] {
  const types = [...new Set(verdicts.map(({ type }) => type))].slice(0, TYPES_MAX)
  const countOf = (type: string, verdict: string): number =>
    verdicts.find((each) => each.type === type && each.verdict === verdict)?.count ?? 0
  const lines = header(VERDICTS, 'Anomalies by what people say of them now; falls when somebody changes their mind')
  for (const type of types) {
    for (const verdict of ['real', 'noise', 'expected']) {
      lines.push(`${VERDICTS}{type="${label(type)}",verdict="${verdict}"} ${countOf(type, verdict)}`)
    }
  }
  lines.push(...header(PRECISION, 'Share of anomalies that were real, of those judged real or noise'))
  for (const type of types) {
    const [real, noise] = [countOf(type, 'real'), countOf(type, 'noise')]
    if (real + noise > 0) lines.push(`${PRECISION}{type="${label(type)}"} ${real / (real + noise)}`)
  }
  return lines
}

function openLines(name: string, about: string, open: readonly { severity: string }[]): string[] {
  const counts = SEVERITIES.map((severity) => ({
    severity,
    count: open.filter((each) => each.severity === severity).length,
  }))
  return [...header(name, about), ...counts.map(({ severity, count }) => `${name}{severity="${severity}"} ${count}`)]
}

function processLines(estate: TenantEstate, nowMs: number): string[] {
  const drift = header(DRIFT, 'Mean deviation from normal over 4 min, robust standard deviations')
  const words = processStatus.options.map((word, index) => `${index} ${word}`).join(', ')
  const status = header(STATUS, `Status: ${words}`)
  let count = 0
  for (const state of estate.processes.values()) {
    if (!isActive(state, nowMs)) continue
    if (++count > PROCESSES_MAX) break
    const { kind, names } = parseProcessId(state.id)
    const host = kind === 'host' || kind === 'os' ? `host="${label(names[0] ?? '')}",` : ''
    const labels = `${host}process="${label(state.id)}"`
    const score = driftScore(state.drift, nowMs)
    if (score !== null) drift.push(`${DRIFT}{${labels}} ${score}`)
    status.push(`${STATUS}{${labels}} ${processStatus.options.indexOf(processStatusOf(estate, state, nowMs))}`)
  }
  return [...drift, ...status]
}
