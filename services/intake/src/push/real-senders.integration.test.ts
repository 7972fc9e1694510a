import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { credentials, Metadata, status } from '@grpc/grpc-js'
import { type Attributes, ValueType } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter as GrpcExporter } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import {
  AggregationTemporality,
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type PushRig, type StoredSample, startPushRig } from './testing/push-rig.ts'

const named = (samples: readonly StoredSample[], metric: string): StoredSample[] =>
  samples.filter((sample) => sample.metric === metric)

/** A rig for the tests of one suite. */
function useRig(): () => PushRig {
  let rig: PushRig
  beforeAll(async () => {
    rig = await startPushRig()
  })
  afterEach(() => rig.forget())
  afterAll(() => rig.stop())
  return () => rig
}

describeWithServer('prometheus', 'Prometheus', (server) => {
  const rigOf = useRig()
  const configure = async (config: object): Promise<void> => {
    const address = new URL(server().url)
    writeFileSync(address.searchParams.get('config')!, JSON.stringify(config))
    expect((await fetch(`${address.origin}/-/reload`, { method: 'POST' })).status).toBe(200)
  }
  afterEach(() => configure({}))

  test('writes what it scrapes of itself: all of it is accepted, and nothing makes it complain', async () => {
    const rig = rigOf()
    const address = new URL(server().url)
    await configure({
      global: { scrape_interval: '200ms' },
      scrape_configs: [{ job_name: 'self', static_configs: [{ targets: [address.host], labels: { site: 'lab' } }] }],
      remote_write: [
        {
          url: `${rig.url}/api/v1/prometheus/write`,
          basic_auth: { username: 'prometheus', password: 'good' },
          queue_config: { batch_send_deadline: '200ms' },
          metadata_config: { send_interval: '500ms' },
        },
      ],
    })

    await expect.poll(() => named(rig.samples(), 'up').length, { timeout: 60_000 }).toBeGreaterThanOrEqual(3)
    const [up] = named(rig.samples(), 'up')
    expect(up).toMatchObject({ process: 'service:self', value: 1, attributes: { instance: address.host, site: 'lab' } })
    // Metadata comes in requests of its own, and tells what is counted.
    await expect
      .poll(() => named(rig.samples(), 'prometheus_tsdb_head_samples_appended_total').length, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(3)
    const failed = async (): Promise<number> => {
      const query = encodeURIComponent('sum(prometheus_remote_storage_samples_failed_total)')
      const response = await fetch(`${address.origin}/api/v1/query?query=${query}`)
      const answer = (await response.json()) as { data: { result: { value: [number, string] }[] } }
      return Number(answer.data.result[0]?.value[1] ?? Number.NaN)
    }
    await expect.poll(failed, { timeout: 60_000 }).toBe(0)
    expect(rig.letters()).toEqual([])
    expect(rig.status('default push:remote-write:key-1')).toMatchObject({ state: 'receiving', refused: [] })
  })
})

const authorization = 'Bearer good'
const grpcMetadata = (): Metadata => {
  const metadata = new Metadata()
  metadata.set('authorization', authorization)
  return metadata
}

describe('the OpenTelemetry SDK', () => {
  const rigOf = useRig()
  const exporters: [string, () => PushMetricExporter][] = [
    [
      'HTTP with protobuf',
      () => new ProtobufExporter({ url: `${rigOf().url}/v1/metrics`, headers: { authorization } }),
    ],
    ['HTTP with JSON', () => new JsonExporter({ url: `${rigOf().url}/v1/metrics`, headers: { authorization } })],
    [
      'gRPC',
      () =>
        new GrpcExporter({
          url: `http://127.0.0.1:${rigOf().grpcPort}`,
          credentials: credentials.createInsecure(),
          metadata: grpcMetadata(),
        }),
    ],
    [
      'HTTP with protobuf, packed, as deltas',
      () =>
        new ProtobufExporter({
          url: `${rigOf().url}/v1/metrics`,
          headers: { authorization },
          compression: 'gzip' as never,
          temporalityPreference: AggregationTemporality.DELTA,
        }),
    ],
  ]

  test.each(exporters)('over %s: every kind of instrument', async (_what, exporterOf) => {
    const reader = new PeriodicExportingMetricReader({ exporter: exporterOf(), exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ 'service.name': 'checkout', 'host.name': 'web-1' }),
      readers: [reader],
      views: [{ instrumentName: 'size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
    })
    const meter = provider.getMeter('shop')
    const orders = meter.createCounter('orders', { valueType: ValueType.INT })
    const open = meter.createUpDownCounter('open')
    const depth = meter.createObservableGauge('depth', { unit: '{item}' })
    depth.addCallback((result) => result.observe(7.5, { queue: 'a' }))
    const duration = meter.createHistogram('http.server.request.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: [0.1, 0.2, 0.4] },
    })
    const size = meter.createHistogram('size', { unit: 'By' })
    orders.add(3, { plan: 'gold' } satisfies Attributes)
    open.add(5)
    open.add(-2)
    for (let i = 0; i < 90; i++) duration.record(0.15, { 'http.response.status_code': 200 })
    for (let i = 0; i < 10; i++) duration.record(0.3, { 'http.response.status_code': 500 })
    for (let i = 1; i <= 100; i++) size.record(i)
    await reader.forceFlush()
    await provider.shutdown()

    await expect.poll(() => named(rigOf().samples(), 'process.events')).not.toEqual([])
    const samples = rigOf().samples()
    const common = { 'host.name': 'web-1', 'otel.scope.name': 'shop' }
    expect(named(samples, 'orders')[0]).toMatchObject({
      process: 'service:checkout',
      value: 3,
      attributes: { ...common, plan: 'gold' },
    })
    expect(named(samples, 'open')[0]).toMatchObject({ value: 3 })
    expect(named(samples, 'depth')[0]).toMatchObject({ value: 7.5, unit: '{item}', attributes: { queue: 'a' } })
    expect(named(samples, 'size.count')[0]!.value).toBe(100)
    expect(named(samples, 'size.sum')[0]!.value).toBe(5050)
    const median = named(samples, 'size').find(({ attributes }) => attributes['quantile'] === '0.5')
    expect(median!.value).toBeGreaterThan(48)
    expect(median!.value).toBeLessThan(53)
    // KPIs of the service: one sample each for the whole export.
    expect(named(samples, 'process.events')).toMatchObject([
      { process: 'service:checkout', value: 100, attributes: {} },
    ])
    expect(named(samples, 'process.events.failed')).toMatchObject([{ value: 10 }])
    expect(named(samples, 'process.execution.time')[0]!.value).toBeCloseTo(0.1 + (0.1 * 50) / 90, 5)
    expect(rigOf().letters()).toEqual([])
  })

  test('an exporter over gRPC is told of a key that is not valid', async () => {
    const metadata = new Metadata()
    metadata.set('authorization', 'Bearer nobody')
    const exporter = new GrpcExporter({
      url: `http://127.0.0.1:${rigOf().grpcPort}`,
      credentials: credentials.createInsecure(),
      metadata,
    })
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({ readers: [reader] })
    provider.getMeter('m').createCounter('a').add(1)
    const { resourceMetrics } = await reader.collect()
    const result = await new Promise((resolve) => exporter.export(resourceMetrics, resolve))
    expect(result).toMatchObject({ code: 1, error: { code: status.UNAUTHENTICATED } })
    await provider.shutdown()
    expect(rigOf().samples()).toEqual([])
  })

  test('logs become rows of their service', async () => {
    const exporter = new OTLPLogExporter({ url: `${rigOf().url}/v1/logs`, headers: { authorization } })
    const provider = new LoggerProvider({
      resource: resourceFromAttributes({ 'service.name': 'checkout' }),
      processors: [new BatchLogRecordProcessor({ exporter })],
    })
    provider
      .getLogger('shop')
      .emit({ severityNumber: 17, severityText: 'ERROR', body: 'card refused', attributes: { order: 7 } })
    await provider.forceFlush()
    await provider.shutdown()
    await expect
      .poll(() => rigOf().rows())
      .toMatchObject([{ process: 'service:checkout', severity: 17, body: 'card refused' }])
    expect(JSON.parse(rigOf().rows()[0]!.attributes)).toEqual({ order: 7, 'otel.scope.name': 'shop' })
  })
})

describe('curl', () => {
  const rigOf = useRig()
  const run = promisify(execFile)
  const curl = async (...args: string[]): Promise<string> =>
    (await run('curl', ['-sS', '-H', `authorization: ${authorization}`, ...args])).stdout

  test('sends samples as JSON and as CSV', async () => {
    const url = `${rigOf().url}/api/v1/ingest/samples`
    const json = '[{"process":"device:press","metric":"temperature","value":71.5,"unit":"Cel"}]'
    expect(JSON.parse(await curl('--json', json, url))).toEqual({ accepted: 1, refused: 0, errors: [] })
    const csv = 'process,metric,value,attributes.zone\ndevice:press,temperature,72,a\n'
    const answer = await curl('-H', 'content-type: text/csv', '--data-binary', csv, url)
    expect(JSON.parse(answer)).toEqual({ accepted: 1, refused: 0, errors: [] })
    await expect
      .poll(() =>
        rigOf()
          .samples()
          .map(({ value }) => value),
      )
      .toEqual([71.5, 72])
  })
})
