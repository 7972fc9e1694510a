import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { startTestStore } from '@driftline/platform/analytics/testing/store-test-kit'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSqliteMetadata } from '@driftline/platform/metadata/sqlite-metadata'
import { createEstate } from '../../services/gateway/src/estate/estate.ts'
import { createPdfPress } from '../../services/gateway/src/reports/pdf/pdf-press.ts'
import { createReportMaker } from '../../services/gateway/src/reports/report-maker.ts'
import { STEPS } from './made-up-runs.ts'

// The reports of a month of one process: a run of six steps each minute, 43,200 runs. To reach: a PDF in less than 2 s.
const RUNS = 43_200
const ROUNDS = 10
const MINUTE = 60_000
const nowMs = Math.floor(Date.now() / MINUTE) * MINUTE
const COMMON = `fromUnixTimestamp64Milli(toInt64(${nowMs} - (number + 1) * ${MINUTE}), 'UTC') AS requested_time,
  toString(number) AS run, if(number % 20 = 7, 4, 3)::Int8 AS ended, 1 + intDiv(number, 20) % ${STEPS} AS failing`

const store = await startTestStore()
await store.store.execute(`INSERT INTO runs (tenant, process, requested_time, run, revision, status, flow_name, execution_time)
  SELECT 'default', 'flow:month', requested_time, run, 9, ended, 'A month', 0.4 + (number % 1000) / 2000
  FROM (SELECT number, ${COMMON} FROM numbers(${RUNS}))`)
await store.store.execute(`INSERT INTO run_steps (tenant, process, step_number, requested_time, run, revision, key, name, status,
    execution_time, reason, error_message)
  SELECT 'default', 'flow:month', step, requested_time, run, 9, concat('step_', toString(step)), concat('Step ', toString(step)),
    multiIf(ended = 3 OR step < failing, 3, step = failing, 4, 7)::Int8, 0.05 + (number % 100) / 1000,
    if(ended = 4 AND step = failing, concat('reason_', toString(number % 9)), ''), 'status was 503, expected 200'
  FROM (SELECT number, arrayJoin(range(1, ${STEPS + 1})) AS step, ${COMMON} FROM numbers(${RUNS}))`)

const dir = mkdtempSync(join(tmpdir(), 'driftline-report-bench-'))
const metadata = createSqliteMetadata(
  { file: join(dir, 'metadata.sqlite') },
  { logger: createLogger('fatal'), clock: systemClock },
)
await metadata.start()
const limits = {
  processes: 100,
  hosts: 10,
  series: 100,
  sources: 10,
  recent: { durationMs: 1000, bytes: 1000 },
  findings: { openAnomalies: 10, closedAnomalies: 10, alerts: 10 },
}
const estate = createEstate(limits)
const reports = createReportMaker({
  store: store.store,
  metadata,
  estate,
  clock: systemClock,
  press: createPdfPress(),
  retentionMs: 31 * 86_400_000,
})
const request = {
  tenant: 'default',
  report: 'completion',
  processes: null,
  from: nowMs - RUNS * MINUTE,
  to: nowMs,
  timeZone: 'Asia/Kolkata',
  locale: 'en-IN',
} as const

let blockedMs = 0
let lastMs = performance.now()
const watch = setInterval(() => {
  const atMs = performance.now()
  blockedMs = Math.max(blockedMs, atMs - lastMs - 10)
  lastMs = atMs
}, 10)
for (const format of ['pdf', 'csv', 'json'] as const) {
  const took: number[] = []
  let bytes = 0
  blockedMs = 0
  for (let round = 0; round < ROUNDS; round++) {
    const beganMs = performance.now()
    bytes = (await reports.file(request, format)).bytes.length
    took.push(performance.now() - beganMs)
  }
  const [first] = took
  const median = [...took].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]
  const figures = `first ${Math.round(first ?? 0)} ms, median ${Math.round(median ?? 0)} ms, ${Math.round(bytes / 1024)} KiB`
  process.stdout.write(`${format}: ${figures}; the event loop waited at most ${Math.round(blockedMs)} ms\n`)
}
clearInterval(watch)
await reports.stop()
await metadata.stop()
await store.end()
rmSync(dir, { recursive: true, force: true })
