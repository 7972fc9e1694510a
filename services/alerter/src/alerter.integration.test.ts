import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { createTestDatabase } from '@driftline/platform/metadata/testing/create-test-database'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { type Alert, AlertSchema, AlertStatus, AnomalyPhase, AnomalySchema, Severity, topics } from '@driftline/proto'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import type { AlerterConfig } from './config.ts'
import { sweepFlapping } from './housekeeping.ts'
import { anomalyOf, eventually, TENANT, testConfig } from './testing/alerter-test-kit.ts'
import { answerWith, type Receiver, startReceiver } from './testing/receiver.ts'
import { type Stack, type StackOptions, startStack } from './testing/stack.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

async function receiverOf(): Promise<Receiver> {
  const receiver = await startReceiver()
  stops.push(() => receiver.stop())
  return receiver
}

const webhook = ({ url }: Receiver, more: Record<string, unknown> = {}) => ({ channel: 'webhook', url, ...more })

/** The same episodes over every metadata store. */
function episodesOver(engine: () => Promise<Partial<StackOptions>>): void {
  async function start(config: AlerterConfig): Promise<Stack> {
    const stack = await startStack({ ...(await engine()), config })
    stops.push(() => stack.stop())
    return stack
  }

  it('tells a webhook of an alert that opens, and of its end', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver, { secret: SECRET })] }))
    await stack.publish(anomalyOf())
    const opened = await eventually('the alert is told of', () => receiver.received[0])
    expect(opened.type).toBe('alert.opened')
    const body = new Webhook(SECRET).verify(opened.text, opened.headers as Record<string, string>)
    expect(body).toMatchObject({
      type: 'alert.opened',
      data: {
        anomalyId: 'an_1',
        processId: 'os:web-1:nginx',
        severity: 'critical',
        status: 'open',
        rule: 'critical_anomaly',
        recipients: [`webhook:${new URL(receiver.url).origin}`],
        anomaly: { id: 'an_1', value: 3.7, expectedLow: null },
      },
    })
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CLOSED, endTimeMs: 5n, revision: 2 }))
    const resolved = await eventually('its end is told of', () => receiver.received[1])
    expect(resolved).toMatchObject({ type: 'alert.resolved', alertId: opened.alertId })
    expect(JSON.parse(resolved.text).data).toMatchObject({ status: 'resolved', resolvedBy: 'system' })
    const done = 'opened delivered 1, resolved delivered 1'
    await eventually('both are noted', async () => (await deliveries(stack)).join(', ') === done)
  })

  it('publishes every version of an alert', async () => {
    const stack = await start(testConfig({}))
    const alerts = await tailAlerts(stack)
    await stack.publish(anomalyOf())
    await eventually('it is open', () => alerts.some(({ status }) => status === AlertStatus.OPEN))
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CLOSED, revision: 2 }))
    await eventually('it is resolved', () => alerts.some(({ status }) => status === AlertStatus.RESOLVED))
    expect(alerts.map(({ version }) => version)).toEqual([...alerts.map(({ version }) => version)].sort())
    expect(alerts[0]).toMatchObject({ anomalyIds: ['an_1'], recipients: [], severity: Severity.CRITICAL })
  })

  it('publishes and tells of what people decide, and does not open again what they resolved', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }))
    const alerts = await tailAlerts(stack)
    await stack.publish(anomalyOf())
    const { alertId } = await eventually('it is told of', () => receiver.received[0])
    await keepUser(stack, '1', 'priya')
    await decide(stack, alertId, { status: 'acknowledged', acknowledged_at: new Date(), acknowledged_by: 'user:1' })
    const acknowledged = await eventually('the acknowledgement is told of', () => receiver.received[1])
    expect(JSON.parse(acknowledged.text).data).toMatchObject({ acknowledgedBy: 'priya', resolvedBy: null })
    await decide(stack, alertId, {
      status: 'resolved',
      resolved_at: new Date(),
      resolved_by: 'user:1',
      open_key: null,
    })
    await eventually('the end is told of', () => receiver.received[2])
    await eventually('the end is published', () => alerts.some(({ status }) => status === AlertStatus.RESOLVED))
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CHANGED, revision: 2, description: 'more' }))
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CLOSED, revision: 3 }))
    await stack.publish(anomalyOf({ id: 'an_2' }))
    const next = await eventually('the next excursion is told of', () => receiver.received[3])
    expect(next.alertId).not.toBe(alertId)
    expect(receiver.received.map(({ type }) => type)).toEqual([
      'alert.opened',
      'alert.acknowledged',
      'alert.resolved',
      'alert.opened',
    ])
    expect(JSON.parse(receiver.received[2]!.text).data.anomaly).toMatchObject({ id: 'an_1' })
  })

  it('makes the alert that somebody asked for', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }))
    const anomaly = anomalyOf({ severity: Severity.INFO })
    await stack.metadata.db
      .insertInto('alert_requests')
      .values({
        tenant: TENANT,
        anomaly_id: anomaly.id,
        anomaly: Buffer.from(toBinary(AnomalySchema, anomaly)).toString('base64'),
        requested_by: 'user:1',
        created_at: new Date(),
      })
      .execute()
    const opened = await eventually('the alert is told of', () => receiver.received[0])
    expect(JSON.parse(opened.text).data).toMatchObject({ rule: 'requested', severity: 'info' })
    const left = await stack.metadata.db.selectFrom('alert_requests').selectAll().execute()
    expect(left).toEqual([])
  })

  it('tells no one of an excursion that was over when it was replayed', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }, { oldGraceMs: 3000 }))
    const timeMs = BigInt(Date.now() - 3_600_000)
    await stack.publish(anomalyOf({ timeMs }))
    await eventually('it is held', async () => (await deliveries(stack)).length === 1)
    await stack.publish(anomalyOf({ timeMs, revision: 2, phase: AnomalyPhase.CLOSED }))
    await eventually('it is withdrawn', async () => (await deliveries(stack))[0] === 'opened withdrawn 0')
    // One that lasts is told of, after the grace: by then the other would have been as well.
    await stack.publish(anomalyOf({ id: 'an_2', process: 'os:web-2:nginx', timeMs }))
    const told = await eventually('what lasts is told of', () => receiver.received[0])
    expect(told.processId).toBe('os:web-2:nginx')
    expect(receiver.received).toHaveLength(1)
  })

  it('says once that an excursion flaps, and once more if it stays', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }, { flapMs: 2000 }))
    for (let i = 1; i <= 4; i++) {
      await stack.publish(anomalyOf({ id: `an_${i}` }))
      if (i === 1) await eventually('it is told of', () => receiver.received[0])
      if (i < 4) await stack.publish(anomalyOf({ id: `an_${i}`, phase: AnomalyPhase.CLOSED, revision: 2 }))
      if (i === 1) await eventually('its end is told of', () => receiver.received[1])
    }
    await eventually('that it stays is told of', () => receiver.received[2])
    expect(receiver.received.map(({ type }) => type)).toEqual(['alert.opened', 'alert.resolved', 'alert.opened'])
    expect(new Set(receiver.received.map(({ alertId }) => alertId)).size).toBe(1)
  })

  it('keeps the order of what it tells of an alert while a receiver fails', async () => {
    const receiver = await receiverOf()
    receiver.answer = answerWith(503)
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }))
    await stack.publish(anomalyOf({ severity: Severity.WARNING }))
    await eventually('it is tried', () => receiver.received[0])
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CHANGED, revision: 2 }))
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CLOSED, revision: 3 }))
    await eventually('all is in the outbox', async () => (await deliveries(stack)).length === 3)
    expect(new Set(receiver.received.map(({ type }) => type))).toEqual(new Set(['alert.opened']))
    receiver.answer = answerWith(200)
    const before = receiver.received.length
    await eventually('all is delivered', async () =>
      (await deliveries(stack)).every((each) => each.includes('delivered')),
    )
    const after = receiver.received.slice(before).map(({ type }) => type)
    expect(after).toEqual(['alert.opened', 'alert.worsened', 'alert.resolved'])
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(3)
  })

  it('makes one secret for a webhook without one, and keeps it', async () => {
    const receiver = await receiverOf()
    const config = testConfig({ alert_channels: [webhook(receiver, { name: 'ops' })] })
    const stack = await start(config)
    const [row] = await stack.metadata.db
      .selectFrom('settings')
      .select('value')
      .where('key', '=', 'alerting.webhook_secret.ops')
      .execute()
    const told = stack.metadata.db.selectFrom('settings').select('value').where('key', '=', 'alerting.channels')
    const recipients = [`webhook:${new URL(receiver.url).origin}`]
    expect(await told.execute()).toEqual([{ value: [{ name: 'ops', channel: 'webhook', recipients }] }])
    await stack.restart(config)
    await stack.publish(anomalyOf())
    const { text, headers } = await eventually('the alert is told of', () => receiver.received[0])
    new Webhook(String(row?.value)).verify(text, headers as Record<string, string>)
  })

  it('refuses what cannot be an anomaly and goes on', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }))
    const letters: string[] = []
    const tail = await stack.bus.tail({
      topics: [topics.deadLetters.name],
      handle: (records) => letters.push(...records.map(({ headers }) => headers.source)),
    })
    await stack.publish(anomalyOf({ severity: Severity.UNSPECIFIED }), anomalyOf({ id: 'a\0b' }), anomalyOf())
    await eventually('the good one is told of', () => receiver.received[0])
    await eventually('the others are dead letters', () => letters.length === 2)
    await tail.stop()
  })

  it('keeps of an alert that flaps for long the newest messages and ends, and goes on telling of it', async () => {
    const receiver = await receiverOf()
    const stack = await start(testConfig({ alert_channels: [webhook(receiver)] }))
    await stack.publish(anomalyOf())
    const { alertId } = await eventually('it is told of', () => receiver.received[0])
    await eventually('that is noted', async () => (await deliveries(stack))[0] === 'opened delivered 1')
    await flapLong(stack, alertId)
    await stack.metadata.transaction((transaction) => sweepFlapping(transaction, Date.now()))
    const { db } = stack.metadata
    const told = await db.selectFrom('alert_deliveries').select(['id', 'state', 'alert_version']).execute()
    expect(told.filter(({ state }) => state === 'pending').map(({ id }) => id)).toEqual(['waits'])
    expect(told).toHaveLength(201)
    expect(told.some(({ state }) => state === 'withdrawn')).toBe(false)
    expect(Math.min(...told.filter(({ state }) => state === 'delivered').map((row) => row.alert_version))).toBe(53)
    const ended = await db.selectFrom('alert_anomalies').select('anomaly_id').where('active', '=', false).execute()
    expect(ended).toHaveLength(1000)
    const lasting = await db.selectFrom('alert_anomalies').select('anomaly_id').where('active', '=', true).execute()
    expect(lasting).toEqual([{ anomaly_id: 'an_1' }])
    await db.deleteFrom('alert_deliveries').where('id', '=', 'waits').execute()
    await stack.publish(anomalyOf({ phase: AnomalyPhase.CLOSED, revision: 2 }))
    await eventually('its end is told of', () => receiver.received[1]?.type === 'alert.resolved')
  })
}

/** Writes what an alert would have after 252 versions of which it told, 40 of which it did not, and 1,020 ends. */
async function flapLong({ metadata }: Stack, alertId: string): Promise<void> {
  const { db } = metadata
  const first = await db.selectFrom('alert_deliveries').selectAll().executeTakeFirstOrThrow()
  const message = (version: number, state: 'delivered' | 'withdrawn') => ({
    ...first,
    id: `${state} ${version}`,
    alert_version: version,
    state,
  })
  const later = new Date(Date.now() + 3_600_000)
  const rows = [
    ...Array.from({ length: 251 }, (_, at) => message(at + 2, 'delivered')),
    ...Array.from({ length: 40 }, (_, at) => message(at + 200, 'withdrawn')),
    { ...first, id: 'waits', alert_version: 1, state: 'pending' as const, next_attempt_at: later },
  ]
  for (const row of rows) await db.insertInto('alert_deliveries').values(row).execute()
  const daysAgo = new Date(Date.now() - 3 * 24 * 3_600_000)
  const end = { tenant: TENANT, alert_id: alertId, active: false, revision: 2, updated_at: daysAgo }
  const ends = Array.from({ length: 1020 }, (_, at) => ({ ...end, anomaly_id: `old_${at}` }))
  for (let at = 0; at < ends.length; at += 100) {
    await db
      .insertInto('alert_anomalies')
      .values(ends.slice(at, at + 100))
      .execute()
  }
}

async function deliveries({ metadata }: Stack): Promise<string[]> {
  const rows = await metadata.db
    .selectFrom('alert_deliveries')
    .select(['event', 'state', 'attempts'])
    .orderBy('alert_version')
    .orderBy('event')
    .execute()
  return rows.map(({ event, state, attempts }) => `${event} ${state} ${attempts}`)
}

async function keepUser({ metadata }: Stack, id: string, username: string): Promise<void> {
  const now = new Date()
  const times = { created_at: now, updated_at: now, password_set_at: now, last_sign_in_at: null }
  const user = { tenant: TENANT, id, username, password_hash: '', role: 'operator', active: true, ...times }
  await metadata.db.insertInto('tenants').values({ tenant: TENANT, name: TENANT, created_at: now }).execute()
  await metadata.db.insertInto('users').values(user).execute()
}

/** As the gateway does. */
async function decide(
  { metadata }: Stack,
  id: string,
  changes: Readonly<Record<string, string | Date | null>>,
): Promise<void> {
  await metadata.db
    .updateTable('alert_episodes')
    .set((eb) => ({ ...changes, version: eb('version', '+', 1), updated_at: new Date() }))
    .where('id', '=', id)
    .execute()
}

async function tailAlerts({ bus }: Stack): Promise<Alert[]> {
  const alerts: Alert[] = []
  const tail = await bus.tail({
    topics: [topics.alerts.name],
    handle: (records) => alerts.push(...records.map(({ value }) => fromBinary(AlertSchema, value))),
  })
  stops.push(() => tail.stop())
  return alerts
}

describe('over SQLite', () => {
  episodesOver(async () => ({}))
})

describeWithServer('postgres', 'over PostgreSQL', (server) => {
  episodesOver(async () => ({ postgresUrl: await createTestDatabase(server().url) }))
})
