import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { create, toBinary } from '@bufbuild/protobuf'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import { MetricKind, routingKey, SampleBatchSchema, SeriesBatchSchema, seriesId, topics } from '@driftline/proto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const BASE_TIME_MS = Date.UTC(2026, 0, 1, 12)
const process1 = 'host:web-1'
const cpu = seriesId('default', process1, 'system.cpu.utilization', '{"cpu":"0"}')
const memory = seriesId('default', process1, 'system.memory.usage', '{}')

/** The example runs as it would elsewhere: as a process of its own, against a real broker that our own bus fills. */
describeWithServer('kafka', 'the example consumer', (server) => {
  let bus: Bus
  let topicPrefix: string
  const running: ChildProcess[] = []

  beforeEach(async () => {
    topicPrefix = `test-${randomUUID()}.`
    bus = createKafkaBus(
      { brokers: [server().url], clientId: 'test', topicPrefix },
      { logger: createLogger('fatal'), metrics: createSelfMetrics(), clock: systemClock },
    )
    await bus.start()
  })
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL')
    await bus.stop()
  })

  const startExample = (): { lines(): string[]; stop(): Promise<number | null> } => {
    const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('src/main.ts', import.meta.url))], {
      env: { ...process.env, KAFKA_BROKERS: server().url, KAFKA_TOPIC_PREFIX: topicPrefix, KAFKA_GROUP: topicPrefix },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.push(child)
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString()
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    return {
      lines: () => output.split('\n').slice(0, -1),
      stop() {
        child.kill('SIGTERM')
        return ended
      },
    }
  }

  it('prints every sample once, with the name of its series, and goes on where it was', async () => {
    await bus.publish([seriesRecord(1, cpu, 'system.cpu.utilization', '{"cpu":"0"}', '1')])
    await bus.publish([samplesRecord(2, [{ id: cpu, offsetMs: 250, value: 0.42 }])])
    await bus.publish([samplesRecord(2, [{ id: cpu, offsetMs: 250, value: 0.42 }])])
    const first = startExample()
    await vi.waitFor(() => expect(first.lines().length).toBe(1), { timeout: 30_000 })
    await bus.publish([samplesRecord(3, [{ id: memory, offsetMs: 500, value: 1024 }])])
    await bus.publish([seriesRecord(4, memory, 'system.memory.usage', '{}', 'By')])
    await vi.waitFor(() => expect(first.lines().length).toBe(2), { timeout: 30_000 })
    expect(first.lines()).toEqual([
      '2026-01-01T12:00:00.250Z default host:web-1 system.cpu.utilization {"cpu":"0"} 0.42 1',
      '2026-01-01T12:00:00.500Z default host:web-1 system.memory.usage {} 1024 By',
    ])
    expect(await first.stop()).toBe(0)
    const second = startExample()
    await bus.publish([samplesRecord(5, [{ id: cpu, offsetMs: 750, value: 0.5 }])])
    await vi.waitFor(() => expect(second.lines().length).toBe(1), { timeout: 30_000 })
    expect(second.lines()[0]).toContain('12:00:00.750Z')
    expect(await second.stop()).toBe(0)
  })
})

function record(topic: string, message: string, sequence: number, value: Uint8Array): OutgoingRecord {
  return {
    topic,
    key: routingKey('default', process1),
    headers: {
      'content-type': 'application/protobuf',
      message,
      tenant: 'default',
      source: 'agent-1',
      epoch: '1',
      sequence: String(sequence),
    },
    value,
  }
}

function seriesRecord(sequence: number, id: bigint, metric: string, attributes: string, unit: string): OutgoingRecord {
  const series = { id, tenant: 'default', process: process1, metric, attributes, unit, kind: MetricKind.GAUGE }
  const value = toBinary(SeriesBatchSchema, create(SeriesBatchSchema, { series: [series] }))
  return record(topics.series.name, SeriesBatchSchema.typeName, sequence, value)
}

function samplesRecord(
  sequence: number,
  samples: readonly { id: bigint; offsetMs: number; value: number }[],
): OutgoingRecord {
  const batch = create(SampleBatchSchema, {
    baseTimeMs: BigInt(BASE_TIME_MS),
    series: samples.map(({ id }) => id),
    timeOffsetMs: samples.map(({ offsetMs }) => offsetMs),
    value: samples.map(({ value }) => value),
  })
  return record(topics.samples.name, SampleBatchSchema.typeName, sequence, toBinary(SampleBatchSchema, batch))
}
