import {
  create,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { AlertStatus, Health, HealthCheckResponse_ServingStatus, MonitorService, Severity } from '@driftline/proto'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepEpisode } from '../testing/episodes.ts'
import { type GatewayKit, startGatewayKit } from '../testing/gateway-kit.ts'
import { anomalyRecord, baselineRecord, kpiRecord } from '../testing/records.ts'

const NGINX = 'os:web-1:nginx'
const MINUTE = 60_000
const minute = Math.floor(Date.now() / MINUTE) * MINUTE
const { method } = MonitorService

let kit: GatewayKit
let client: Client

beforeAll(async () => {
  kit = await startGatewayKit()
  await kit.keep(
    anomalyRecord({
      id: 'lasting',
      process: NGINX,
      startMs: minute - 5 * MINUTE,
      description: 'CPU of nginx is 370 %',
    }),
    anomalyRecord({ id: 'unalerted', process: NGINX, startMs: minute - 3 * MINUTE, description: 'Memory of nginx' }),
    anomalyRecord({ id: 'foreign', process: 'os:x:y', startMs: minute - MINUTE, tenant: 'other' }),
    kpiRecord(minute - MINUTE, { [NGINX]: { cpuCores: 0.5, cpuShare: 0.25, instances: 1 } }),
    baselineRecord(minute - MINUTE, [[NGINX, 'cpu', 0.5, 0.1, 8]]),
  )
  await keepEpisode(kit.metadata, { id: 'alert-1', process: NGINX, openedAtMs: minute, anomalyIds: ['lasting'] })
  await kit.restart()
  client = new Client(`127.0.0.1:${kit.gateway.monitorPort()}`, credentials.createInsecure())
})
afterAll(async () => {
  client?.close()
  await kit?.end()
})

function call<M extends DescMethodUnary>(
  operation: M,
  request: MessageInitShape<M['input']>,
  token: string | null = kit.access.operator,
): Promise<MessageShape<M['output']>> {
  const metadata = new Metadata()
  if (token !== null) metadata.set('authorization', `Bearer ${token}`)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${operation.parent.typeName}/${operation.name}`,
      (message: MessageShape<M['input']>) => Buffer.from(toBinary(operation.input, message)),
      (bytes: Buffer) => fromBinary(operation.output, bytes) as MessageShape<M['output']>,
      create(operation.input, request) as MessageShape<M['input']>,
      metadata,
      (error: ServiceError | null, answer?: MessageShape<M['output']>) =>
        error === null ? resolve(answer!) : reject(error),
    )
  })
}

describe('the monitor service', () => {
  it('answers the six operations as the API does', async () => {
    const { metrics } = await call(method.monitorProcess, { processId: NGINX })
    expect(metrics).toMatchObject({ processId: NGINX, cpu: 0.25, timestampMs: BigInt(minute - MINUTE) })
    expect(metrics?.errorRate).toBeUndefined()

    const range = { fromMs: BigInt(minute - 10 * MINUTE), toMs: BigInt(minute), stepSeconds: 60 }
    const performance = await call(method.trackPerformance, { processId: NGINX, ...range })
    expect(performance).toMatchObject({ fromMs: range.fromMs, toMs: range.toMs, stepSeconds: 60 })
    expect(performance.points.map(({ cpu }) => cpu)).toEqual([0.25])
    expect(performance.baseline.cpu).toMatchObject({ centre: 0.25, spread: 0.05 })

    const { anomalies } = await call(method.detectAnomalies, { processId: NGINX })
    expect(anomalies.map(({ id }) => id)).toEqual(['unalerted', 'lasting'])
    expect(anomalies[1]).toMatchObject({ severity: Severity.WARNING, description: 'CPU of nginx is 370 %' })

    const analysis = await call(method.analyzeProcess, { processId: NGINX })
    expect(Object.values(analysis.anomalies).reduce((sum, count) => sum + count, 0)).toBe(2)

    const visible = await call(method.provideVisibility, {})
    expect(visible.processes.find(({ processId }) => processId === NGINX)).toMatchObject({
      status: 'warning',
      drift: 8,
    })
    expect(visible.alerts.map(({ id }) => id)).toEqual(['alert-1'])

    const { alert } = await call(method.manageAlerts, { anomalyId: 'lasting' })
    expect(alert).toMatchObject({ id: 'alert-1', process: NGINX, status: AlertStatus.OPEN })
  })

  it('asks for an alert where there is none, once, and answers it when it is made', async () => {
    const answers = Promise.all([1, 2].map(() => call(method.manageAlerts, { anomalyId: 'unalerted' })))
    const requests = () => kit.metadata.db.selectFrom('alert_requests').selectAll().execute()
    await expect.poll(async () => (await requests()).map((row) => row.anomaly_id)).toEqual(['unalerted'])
    await keepEpisode(kit.metadata, { id: 'alert-2', process: NGINX, openedAtMs: minute, anomalyIds: ['unalerted'] })
    expect((await answers).map(({ alert }) => alert?.id)).toEqual(['alert-2', 'alert-2'])
    const { body } = await kit.request('/api/v1/audit-log')
    const actions = body.items.map(({ action }: { action: string }) => action)
    expect(actions.filter((action: string) => action === 'alert.request')).toHaveLength(1)
  })

  it.each([
    ['without a key', () => call(method.provideVisibility, {}, null), status.UNAUTHENTICATED],
    ['with a key that is none', () => call(method.provideVisibility, {}, 'dlk_wrong'), status.UNAUTHENTICATED],
    [
      'with a key that only sends',
      () => call(method.provideVisibility, {}, kit.access.ingest),
      status.PERMISSION_DENIED,
    ],
    [
      'of a viewer who wants an alert',
      () => call(method.manageAlerts, { anomalyId: 'lasting' }, kit.access.viewer),
      status.PERMISSION_DENIED,
    ],
    ['for a process that is none', () => call(method.monitorProcess, { processId: 'os:a:b' }), status.NOT_FOUND],
    ['for nothing', () => call(method.monitorProcess, {}), status.INVALID_ARGUMENT],
    ['for too much', () => call(method.detectAnomalies, { processId: NGINX, limit: 5000 }), status.INVALID_ARGUMENT],
    [
      'of another tenant',
      () => call(method.detectAnomalies, { processId: NGINX }, kit.access.stranger),
      status.NOT_FOUND,
    ],
    ["for another tenant's anomaly", () => call(method.manageAlerts, { anomalyId: 'foreign' }), status.NOT_FOUND],
  ])('refuses a call %s', async (_, attempt, code) => {
    await expect(attempt()).rejects.toMatchObject({ code })
  })

  it('says that it serves', async () => {
    const { status: serving } = await call(Health.method.check, { service: MonitorService.typeName }, null)
    expect(serving).toBe(HealthCheckResponse_ServingStatus.SERVING)
  })
})
