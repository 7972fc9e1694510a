import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import { AppError } from '@driftline/platform/errors'
import { grpcService } from '@driftline/platform/grpc/grpc-service'
import { ExportMetricsServiceRequestSchema, MetricsService, RetryInfoSchema, StatusSchema } from '@driftline/proto/otlp'
import { credentials, Metadata, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type PushRig, startPushRig } from '../testing/push-rig.ts'

const away = new AppError('bus_unavailable', 'away', { retryable: true })

let rig: PushRig
beforeAll(async () => {
  rig = await startPushRig()
})
afterEach(() => {
  rig.failure = null
  rig.forget()
})
afterAll(() => rig.stop())

describe('OTLP over gRPC', () => {
  const Client = makeClientConstructor(grpcService(MetricsService, { rawRequests: ['Export'] }), 'metrics')
  const definition = grpcService(MetricsService)['export']!

  /** The code that a call ends with, and the seconds after which it may come again; the response when it is accepted. */
  async function send(message: Uint8Array, token = 'good'): Promise<{ code: status; retryS: number | null }> {
    const client = new Client(`127.0.0.1:${rig.grpcPort}`, credentials.createInsecure())
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${token}`)
    const raw = { ...definition, requestSerialize: (bytes: Buffer) => bytes }
    try {
      await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          raw.path,
          raw.requestSerialize,
          raw.responseDeserialize,
          Buffer.from(message),
          metadata,
          (error, answer) => (error === null ? resolve(answer) : reject(error)),
        )
      })
      return { code: status.OK, retryS: null }
    } catch (error) {
      const { code, metadata: trailer } = error as ServiceError
      const [details] = trailer.get('grpc-status-details-bin')
      if (details === undefined) return { code, retryS: null }
      const told = fromBinary(StatusSchema, details as Buffer)
      expect(told.code).toBe(code)
      return { code, retryS: Number(anyUnpack(told.details[0]!, RetryInfoSchema)!.retryDelay!.seconds) }
    } finally {
      client.close()
    }
  }

  test('codes say whether to send again, and when', async () => {
    expect(await send(new Uint8Array())).toEqual({ code: status.OK, retryS: null })
    expect(await send(new Uint8Array(), 'nobody')).toEqual({ code: status.UNAUTHENTICATED, retryS: null })
    expect(await send(new Uint8Array(), 'reader')).toEqual({ code: status.PERMISSION_DENIED, retryS: null })
    expect(await send(Uint8Array.of(0xff))).toEqual({ code: status.INVALID_ARGUMENT, retryS: null })
    await expect.poll(() => rig.letters()).toMatchObject([{ reason: 'body_malformed', subject: '/v1/metrics' }])
    rig.failure = away
    const now = BigInt(Date.now()) * 1_000_000n
    const dataPoints = [{ timeUnixNano: now, value: { case: 'asInt' as const, value: 1n } }]
    const metrics = [{ name: 'a', data: { case: 'gauge' as const, value: { dataPoints } } }]
    const request = create(ExportMetricsServiceRequestSchema, { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
    const bytes = toBinary(ExportMetricsServiceRequestSchema, request)
    expect(await send(bytes)).toEqual({ code: status.UNAVAILABLE, retryS: 1 })
  })

  test('beyond the bytes that may be on their way: not now, and when', async () => {
    const whole = rig
    rig = await startPushRig({ bytesInFlightMax: 1000 })
    expect(await send(new Uint8Array(2000))).toEqual({ code: status.RESOURCE_EXHAUSTED, retryS: 1 })
    await rig.stop()
    rig = whole
  })
})
