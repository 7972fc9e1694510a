import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunStatus, Severity } from '@driftline/proto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayKit, startGatewayKit } from '../testing/gateway-kit.ts'
import { anomalyRecord, baselineRecord, kpiRecord } from '../testing/records.ts'
import { completionReport, performanceReport } from './report-schemas.ts'
import { endedRun } from './testing/ended-run.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const midnight = Math.floor(Date.now() / DAY) * DAY
const from = midnight - 3 * DAY
const range = `from=${from}&to=${midnight}`
const INVOICE = 'flow:invoice-to-cash'
const PAYROLL = 'flow:payroll'
const PRESS = 'device:plant-a:press-3'
const refused = {
  at: 2,
  status: RunStatus.FAILED,
  reason: 'status_unexpected',
  message: 'status was 503, expected 200',
}
const slow = { at: 1, status: RunStatus.TIMEOUT, reason: 'timeout', message: 'no answer within 5 s' }

let kit: GatewayKit
const get = (path: string, token?: string) =>
  kit.request(`/api/v1/reports/${path}`, token === undefined ? {} : { token })

/** 24 runs a day; on the second day four in a row fail, with one that was cancelled among them, and one times out later. */
function runs() {
  return Array.from({ length: 72 }, (_, hour) => {
    const requestedMs = from + hour * HOUR
    const run = { process: INVOICE, run: `run-${hour}`, requestedMs, seconds: 0.5 + (hour % 10) / 10 }
    if (hour === 32) return endedRun({ ...run, stopped: { ...refused, status: RunStatus.CANCELLED } })
    if (hour >= 30 && hour <= 34) return endedRun({ ...run, stopped: refused })
    return endedRun(hour === 40 ? { ...run, stopped: slow } : run)
  })
}

beforeAll(async () => {
  kit = await startGatewayKit()
  const kpis = Array.from({ length: 48 }, (_, index) =>
    kpiRecord(midnight - (48 - index) * 60_000, { [PRESS]: { executionTimeMs: 400 + index, throughputPerSecond: 2 } }),
  )
  await kit.keep(
    ...runs(),
    endedRun({ process: INVOICE, run: 'run-7', requestedMs: from + 7 * HOUR, seconds: 1.2 }),
    endedRun({ process: INVOICE, run: 'too-late', requestedMs: midnight }),
    endedRun({ process: PAYROLL, name: '=cmd|"calc"!A1', run: 'p-1', requestedMs: midnight - HOUR }),
    endedRun({ tenant: 'other', process: INVOICE, run: 'foreign', requestedMs: midnight - HOUR, stopped: refused }),
    ...kpis,
    baselineRecord(midnight - 3 * HOUR, [[PRESS, 'execution_time', 410, 10, 1]]),
    baselineRecord(midnight - 60_000, [[PRESS, 'execution_time', 400, 10, 5]]),
    anomalyRecord({
      id: 'slow-press',
      process: PRESS,
      startMs: midnight - 30 * 60_000,
      endMs: midnight - 10 * 60_000,
      type: 'performance_degradation',
      severity: Severity.CRITICAL,
      description: 'Cycles take 20 % longer',
    }),
  )
  await kit.publish(kpiRecord(Date.now(), { [PRESS]: { executionTimeMs: 400 }, 'os:web-1:nginx': { cpuCores: 1 } }))
}, 60_000)
afterAll(() => kit.end())

describe('completion', () => {
  it('counts how runs ended, each once, per process, day and step', async () => {
    const { status, body } = await get(`completion.json?${range}&tz=Asia/Kolkata`)
    expect(status).toBe(200)
    expect(completionReport.parse(body)).toEqual(body)
    expect(body.totals).toMatchObject({ runs: 73, succeeded: 67, failed: 4, timeout: 1, cancelled: 1 })
    const [invoice, payroll] = body.flows
    expect(invoice).toMatchObject({ processId: INVOICE, runs: 72, successRate: 0.929577, medianTime: 1000 })
    expect(invoice.longestFailureStreak).toMatchObject({ runs: 4, from: new Date(from + 30 * HOUR).toISOString() })
    expect(invoice.days).toHaveLength(4)
    expect(invoice.days[0]).toMatchObject({ runs: 19, failed: 0 })
    expect(invoice.steps).toMatchObject([
      { stepNumber: 1, name: 'Sign in', runs: 72, timeout: 1 },
      { stepNumber: 2, name: 'Invoice', runs: 71, failed: 4, succeeded: 66 },
    ])
    expect(invoice.failures).toMatchObject([
      { stepNumber: 2, reason: 'status_unexpected', message: 'status was 503, expected 200', count: 4 },
      { stepNumber: 1, reason: 'timeout', count: 1 },
    ])
    expect(payroll).toMatchObject({ runs: 1, successRate: 1, longestFailureStreak: null })
    expect(body.finding).toBe(
      '93.1 % of 72 runs of 2 business processes succeeded; the lowest is Invoice to cash with 93.0 %, most at step 2, Invoice.',
    )
  })

  it('is of the processes that are asked for, also of one that was never run', async () => {
    await kit.metadata.db
      .insertInto('flows')
      .values({
        tenant: 'default',
        id: 'flow:idle',
        name: 'Idle',
        category: '',
        active: true,
        value: {},
        managed_by: 'user',
        version: 1,
        created_at: new Date(),
        updated_at: new Date(),
        updated_by: 'system',
      })
      .execute()
    const { body } = await get(`completion.json?${range}&process=flow:idle`)
    expect(body.flows).toMatchObject([{ name: 'Idle', runs: 0, successRate: null }])
    expect(body.finding).toBe('No run was made in this period.')
  })

  it('reads as a PDF: finding first, pages numbered, letters of its face, and none that would break it', async () => {
    const response = await fetch(`${kit.url}/api/v1/reports/completion.pdf?${range}&locale=en-IN`, {
      headers: { authorization: `Bearer ${kit.access.viewer}` },
    })
    expect(response.headers.get('content-type')).toBe('application/pdf')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="completion-[\d-]+\.pdf"$/)
    const text = textOf(Buffer.from(await response.arrayBuffer()))
    expect(text).toMatch(/Process completion[\s\S]*93\.1 % of 72 runs[\s\S]*What failed[\s\S]*status was 503/)
    expect(text).toMatch(/1 of \d+/)
    expect(text).toContain('=cmd|"calc"!A1')
  })

  it('is a table that no spreadsheet runs', async () => {
    const { text } = await get(`completion.csv?${range}`)
    const lines = text.replace(/^\ufeff/, '').split('\r\n')
    expect(lines[0]).toMatch(/^record,process_id,process_name,category,day,/)
    expect(lines.some((line) => line.startsWith(`process,${PAYROLL},"'=cmd|""calc""!A1",`))).toBe(true)
    expect(text).not.toMatch(/(^|,)=/m)
  })
})

describe('performance', () => {
  it('says KPIs against what was usual, and how long anomalies were open', async () => {
    const { status, body } = await get(`performance.json?${range}&process=${PRESS}`)
    expect(status).toBe(200)
    expect(performanceReport.parse(body)).toEqual(body)
    const [press] = body.processes
    expect(press.kpis.executionTime).toMatchObject({
      minimum: 400,
      maximum: 447,
      baseline: { centre: 400, spread: 10 },
    })
    expect(press.anomalies).toMatchObject({ count: 1, open: 0, openTime: 20 * 60_000 })
    expect(press.drift.at(-1)).toMatchObject({ score: 5 })
    expect(body.finding).toBe(`${PRESS} had one anomaly in 20 min altogether.`)
  })

  it('leaves groups of programs out unless they are asked for', async () => {
    const { body } = await get(`performance.json?${range}`)
    const ids: string[] = body.processes.map(({ processId }: { processId: string }) => processId)
    expect(ids).toContain(PRESS)
    expect(ids.filter((id) => id.startsWith('os:'))).toEqual([])
    const { body: asked } = await get(`performance.json?${range}&process=os:web-1:nginx&process=${PRESS}`)
    expect(asked.processes).toHaveLength(2)
  })

  it('is a PDF and a table, too', async () => {
    const response = await fetch(`${kit.url}/api/v1/reports/performance.pdf?${range}&process=${PRESS}`, {
      headers: { authorization: `Bearer ${kit.access.viewer}` },
    })
    expect(textOf(Buffer.from(await response.arrayBuffer()))).toMatch(
      /Distance from normal[\s\S]*Cycles take 20 % longer/,
    )
    const { text } = await get(`performance.csv?${range}&process=${PRESS}`)
    expect(text).toContain(`kpi,${PRESS},device,executionTime,ms,`)
    expect(text).toContain(`anomalies,${PRESS},device,,,,,,,,,,,performance_degradation,critical,1,0,1200000`)
  })
})

it('shows nothing of another tenant, and nothing to those who only send', async () => {
  const { body } = await get(`completion.json?${range}`, kit.access.stranger)
  expect(body.totals).toMatchObject({ runs: 1, failed: 1 })
  expect((await get(`performance.json?${range}`, kit.access.stranger)).body.processes).toEqual([])
  expect((await get(`completion.json?${range}`, kit.access.ingest)).status).toBe(403)
  expect((await kit.request('/api/v1/reports/completion.pdf', { token: null })).status).toBe(401)
})

it.each([
  [`completion.json?process=${PRESS}`, 400, 'process'],
  ['completion.json?process=flow:unknown', 404, 'flow:unknown'],
  ['performance.json?process=os:unknown', 404, 'os:unknown'],
  [`completion.json?from=${from}&to=${from}`, 400, 'from'],
  [`completion.json?from=${from - 60 * DAY}&to=${midnight}`, 400, 'at most 30 days'],
  ['completion.json?tz=Mars/Olympus', 400, 'tz'],
  ['completion.json?locale=not_a_locale', 400, 'locale'],
  ['completion.json?processes=flow:x', 400, 'processes'],
])('refuses %s with %d and says why', async (path, status, says) => {
  const answer = await get(path)
  expect(answer.status).toBe(status)
  expect(answer.body.detail).toContain(says)
})

it('makes two PDFs at once and asks others to come again', async () => {
  const answers = await Promise.all(Array.from({ length: 6 }, () => get(`completion.pdf?${range}`)))
  const busy = answers.filter(({ status }) => status === 503)
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(2)
  expect(busy.length).toBeGreaterThan(0)
  expect(busy[0]?.headers.get('retry-after')).toBe('3')
  expect((await get(`completion.pdf?${range}`)).status).toBe(200)
})

/** What a reader of PDFs finds in one (poppler's pdftotext). */
function textOf(pdf: Buffer): string {
  const dir = mkdtempSync(join(tmpdir(), 'driftline-report-'))
  try {
    writeFileSync(join(dir, 'report.pdf'), pdf)
    return execFileSync('pdftotext', ['-layout', join(dir, 'report.pdf'), '-'], { encoding: 'utf8' })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
