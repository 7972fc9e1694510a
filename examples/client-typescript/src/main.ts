/**
 * Asks Driftline what drifts and prints it, worst first, each process with what is usual of it and what was found:
 *
 *     3 processes: 1 critical, 2 ok
 *     critical  os:web-1:nginx  +14.2 σ  CPU of nginx on web-1 is 370 %, 4.1 times what is usual (90 %), since 14:02:10 UTC
 *               cpu 0.93, usually 0.22 · 1 found in the last hour
 *               alert al_7f3a… is open and goes to email:ops@example.org
 *
 * Start it with `DRIFTLINE_API_KEY=... npm start`. The key needs the role operator, because it asks for alerts.
 */
import { type Anomaly, createDriftlineClient, DriftlineError, type VisibleProcess } from '@driftline/client'

const address = process.env.DRIFTLINE_MONITOR_ADDRESS ?? '127.0.0.1:8091'
const driftline = createDriftlineClient({ address, apiKey: process.env.DRIFTLINE_API_KEY ?? '' })

try {
  const { processes, counts } = await driftline.provideVisibility()
  const told = ['critical', 'warning', 'silent', 'learning', 'ok'].filter((status) => counts[status])
  print(`${processes.length} processes: ${told.map((status) => `${counts[status]} ${status}`).join(', ')}`)
  const drifting = processes.filter(({ status }) => status === 'critical' || status === 'warning')
  for (const process of drifting.sort(byDrift)) await tell(process)
} catch (error) {
  if (!(error instanceof DriftlineError)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = 1
} finally {
  driftline.close()
}

async function tell({ processId, status, drift }: VisibleProcess): Promise<void> {
  // The six operations can be asked side by side: they share one connection.
  const [metrics, performance, analysis, anomalies] = await Promise.all([
    driftline.monitorProcess(processId),
    driftline.trackPerformance(processId),
    driftline.analyzeProcess(processId),
    driftline.detectAnomalies(processId, { limit: 20 }),
  ])
  const open = anomalies.find(({ endedAt }) => endedAt === null)
  const sigma = drift === null ? 'no baseline yet' : `${drift >= 0 ? '+' : ''}${drift.toFixed(1)} σ`
  print(`${status}  ${processId}  ${sigma}  ${open?.description ?? 'is over by now'}`)
  const { cpu } = performance.baseline
  const usual = cpu?.centre == null ? 'is still being learnt' : `usually ${cpu.centre.toFixed(2)}`
  const count = Object.values(analysis.anomalies).reduce((sum, each) => sum + each, 0)
  print(
    `          cpu ${metrics.resourceUtilization.cpu?.toFixed(2) ?? 'unknown'}, ${usual} · ${count} found in the last hour`,
  )
  if (open) await tellAlert(open)
}

async function tellAlert(anomaly: Anomaly): Promise<void> {
  const alert = await driftline.manageAlerts(anomaly)
  print(`          alert ${alert.id} is ${alert.status} and goes to ${alert.recipients.join(', ') || 'nobody yet'}`)
}

function byDrift(a: VisibleProcess, b: VisibleProcess): number {
  return Math.abs(b.drift ?? 0) - Math.abs(a.drift ?? 0)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
