import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AlerterConfig, readAlerterConfig } from '@driftline/alerter/config'
import { createAlerter } from '@driftline/alerter/service'
import { readGatewayConfig } from '@driftline/gateway/config'
import { endedRun } from '@driftline/gateway/reports/testing/ended-run'
import { createGateway } from '@driftline/gateway/service'
import { eventually } from '@driftline/gateway/testing/eventually'
import { type GatewayKit, startGatewayKit } from '@driftline/gateway/testing/gateway-kit'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { messagesAt, startSmtp } from '../../../infra/servers/smtp.ts'

const DAY = 86_400_000
const PATH = '/api/v1/report-schedules'
const stops: (() => unknown)[] = []
let kit: GatewayKit

beforeEach(async () => {
  kit = await startGatewayKit()
  stops.push(() => kit.end())
  const yesterday = Math.floor(Date.now() / DAY) * DAY - DAY
  const runs = Array.from({ length: 5 }, (_, n) =>
    endedRun({ process: 'flow:invoice-to-cash', run: `r${n}`, requestedMs: yesterday + n * 60_000 }),
  )
  await kit.keep(...runs)
}, 60_000)
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const schedule = (recipients: string[], more: object = {}) => ({
  name: 'Every morning',
  report: 'completion',
  formats: ['pdf', 'csv'],
  period: 'day',
  cron: '0 8 1 1 *',
  recipients,
  ...more,
})

/** The alerter that sends, with quick repeats. */
async function startAlerter(url: string | null): Promise<void> {
  const smtp = url === null ? {} : { smtp: { host: new URL(url).hostname, port: Number(new URL(url).port) } }
  const config = readAlerterConfig({ env: {}, yaml: { process_monitor: { alerting: smtp } }, file: null })
  const timing: AlerterConfig['timing'] = { ...config.timing, outboxEveryMs: 50, backoffMs: 20, breakerResetMs: 200 }
  const alerter = createAlerter({ ...config, timing }, { ...kit.gatewayDeps, metrics: createSelfMetrics() })
  await alerter.start()
  stops.push(() => alerter.stop())
}

async function makeDue(id: string): Promise<void> {
  await kit.metadata.db
    .updateTable('report_schedules')
    .set({ due_at: new Date(Date.now() - 1000) })
    .where('id', '=', id)
    .execute()
}

const listed = async () => (await kit.request(PATH)).body.items[0]

describeWithServer('smtp', 'a schedule of reports', (server) => {
  it('sends a mail to each recipient, once however many gateways there are, with a report that can be read', async () => {
    const domain = `${crypto.randomUUID()}.example.org`
    const recipients = [`ops@${domain}`, `boss@${domain}`]
    await startAlerter(server().url)
    for (let more = 0; more < 2; more++) {
      const env = { DRIFTLINE_HTTP_PORT: '0', DRIFTLINE_MONITOR_GRPC_PORT: '0' }
      const other = createGateway(readGatewayConfig({ env, yaml: {}, file: null }), {
        ...kit.gatewayDeps,
        metrics: createSelfMetrics(),
      })
      await other.start()
      stops.push(() => other.stop())
    }
    const made = await kit.request(PATH, { method: 'POST', body: schedule(recipients) })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ problem: null, last: null, updatedBy: 'admin' })
    await makeDue(made.body.id)
    const delivered = { last: { deliveries: [{ status: 'delivered' }, { status: 'delivered' }] } }
    await eventually(listed, (item) => expect(item).toMatchObject(delivered), 20_000)
    const mails = messagesAt(server().url).filter((text) => text.includes(domain))
    expect(mails).toHaveLength(2)
    for (const mail of mails) {
      expect(mail.replaceAll(/\r?\n[ \t]+/g, ' ')).toMatch(/^Subject: Every morning: All 5 runs of Invoice to cash/m)
      expect(textOf(attached(mail, 'application/pdf'))).toMatch(/Invoice to cash[\s\S]*All 5 runs[\s\S]*1 of 1/)
      expect(attached(mail, 'text/csv').toString()).toContain('process,flow:invoice-to-cash,Invoice to cash,,,,,,5,5')
    }
    expect((await listed()).nextTime > new Date().toISOString()).toBe(true)

    const now = await kit.request(`${PATH}/${made.body.id}/send`, { method: 'POST' })
    expect(now.status).toBe(202)
    const all = async () => messagesAt(server().url).filter((text) => text.includes(domain))
    await eventually(all, (found) => expect(found).toHaveLength(4), 20_000)
  })

  it('says why a mail is not delivered, and delivers it when the server is back', async () => {
    const own = await startSmtp()
    stops.push(() => own.stop())
    await own.crash()
    await startAlerter(own.url)
    const made = await kit.request(PATH, { method: 'POST', body: schedule(['ops@example.org'], { formats: ['csv'] }) })
    await makeDue(made.body.id)
    await eventually(listed, (item) => expect(item.problem).toContain('the mail server did not take it'), 20_000)
    await own.restart()
    await eventually(own.messages, (found) => expect(found).toHaveLength(1), 20_000)
    await eventually(listed, (item) => expect(item.problem).toBeNull())
  })
})

it('says that no mail server is set, and that nothing sends', async () => {
  await kit.request(PATH, { method: 'POST', body: schedule(['ops@example.org']) })
  expect((await listed()).problem).toContain('the alerter has not been started')
  await startAlerter(null)
  expect((await listed()).problem).toContain('smtp.host')
})

it('is for those who may define processes, of their own tenant, and refuses what makes no sense', async () => {
  const { body } = await kit.request(PATH, { method: 'POST', body: schedule(['ops@example.org']) })
  expect((await kit.request(PATH, { token: kit.access.viewer })).status).toBe(403)
  expect((await kit.request(PATH, { token: kit.access.stranger })).body.items).toEqual([])
  const one = `${PATH}/${body.id}`
  const foreign = { token: kit.access.stranger }
  expect((await kit.request(one, { ...foreign, method: 'DELETE' })).status).toBe(404)
  expect((await kit.request(`${one}/send`, { ...foreign, method: 'POST' })).status).toBe(404)
  expect((await kit.request(one, { ...foreign, method: 'PUT', body: schedule(['a@example.org']) })).status).toBe(404)
  for (const wrong of [
    { cron: 'every day' },
    { timeZone: 'Mars' },
    { recipients: [] },
    { recipients: ['x'] },
    { formats: ['xls'] },
  ]) {
    const answer = await kit.request(PATH, { method: 'POST', body: schedule(['a@example.org'], wrong) })
    expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining(Object.keys(wrong)[0]!)])
  }
  const changed = await kit.request(one, { method: 'PUT', body: schedule(['new@example.org'], { active: false }) })
  expect(changed.body).toMatchObject({ recipients: ['new@example.org'], nextTime: null, version: 2 })
  expect((await kit.request(one, { method: 'DELETE' })).status).toBe(204)
  expect((await kit.request(PATH)).body.items).toEqual([])
})

/** The bytes of the part of a mail that has this type. */
function attached(mail: string, type: string): Buffer {
  const part = mail.split(/\r?\n--/).find((each) => each.includes(`Content-Type: ${type}`))
  const [, body = ''] = (part ?? '').split(/\r?\n\r?\n/)
  return Buffer.from(body, 'base64')
}

function textOf(pdf: Buffer): string {
  const dir = mkdtempSync(join(tmpdir(), 'driftline-mailed-'))
  try {
    writeFileSync(join(dir, 'report.pdf'), pdf)
    return execFileSync('pdftotext', ['-layout', join(dir, 'report.pdf'), '-'], { encoding: 'utf8' })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
