import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { create, toBinary } from '@bufbuild/protobuf'
import type { Bus, OutgoingRecord } from '@driftline/platform/bus/bus'
import { createKafkaBus } from '@driftline/platform/bus/kafka-bus'
import { systemClock } from '@driftline/platform/clock'
import { createLogger } from '@driftline/platform/logger'
import { createSelfMetrics } from '@driftline/platform/metrics'
import { describeWithServer } from '@driftline/platform/testing/real-servers'
import {
  AnomalyPhase,
  AnomalySchema,
  FlaggedRecordSchema,
  LogBatchSchema,
  routingKey,
  Severity,
  type Topic,
  topics,
} from '@driftline/proto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const BASE_TIME_MS = BigInt(Date.UTC(2026, 0, 1, 12))
const process1 = 'log:payments'
/** Debian's Python, whose packages the example needs; another one may come first in the path. */
const PYTHON = '/usr/bin/python3'
const hasLibraries = spawnSync(PYTHON, ['-c', 'import confluent_kafka, google.protobuf']).status === 0

/** The example runs as it would elsewhere: as a process of its own, against a real broker that our own bus fills. */
describeWithServer('kafka', 'the example consumer in Python', (server) => {
  let bus: Bus
  let topicPrefix: string
  const running: ChildProcess[] = []

  beforeEach(async ({ skip }) => {
    // Where tests must not be skipped, the example itself says what is missing.
    if (!hasLibraries && !process.env.CI) skip('needs python3-confluent-kafka and python3-protobuf')
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
    const child = spawn(PYTHON, [fileURLToPath(new URL('consumer.py', import.meta.url))], {
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

  it('prints every line, flagged record and anomaly once, and goes on where it was', async () => {
    await bus.publish([logRecord(1, ['started', 'transfer refused'], [9, 17], ['', '{"amount":184500}'])])
    await bus.publish([logRecord(1, ['started', 'transfer refused'], [9, 17], ['', '{"amount":184500}'])])
    const first = startExample()
    await vi.waitFor(() => expect(first.lines()).toHaveLength(2), { timeout: 60_000 })
    await bus.publish([flaggedRecord(), anomalyRecord()])
    await vi.waitFor(() => expect(first.lines()).toHaveLength(4), { timeout: 60_000 })
    expect(first.lines().slice(0, 2)).toEqual([
      '2026-01-01T12:00:00.000Z default log:payments INFO started',
      '2026-01-01T12:00:00.250Z default log:payments ERROR transfer refused {"amount":184500}',
    ])
    expect(first.lines().slice(2).sort()).toEqual([
      '2026-01-01T12:00:00.000Z default log:payments FLAGGED large transfer: {"amount": 184500, "to": "₹"}',
      '2026-01-01T12:00:00.000Z default log:payments opened flagged_record: amount is 184,500 INR',
    ])
    expect(await first.stop()).toBe(0)
    const second = startExample()
    await bus.publish([logRecord(2, ['stopped'], [9], [''])])
    await vi.waitFor(() => expect(second.lines()).toHaveLength(1), { timeout: 60_000 })
    expect(second.lines()[0]).toContain('stopped')
    expect(await second.stop()).toBe(0)
  })
})

function record(topic: Topic, sequence: number, value: Uint8Array): OutgoingRecord {
  return {
    topic: topic.name,
    key: routingKey('default', process1),
    headers: {
      'content-type': 'application/protobuf',
      message: topic.message.typeName,
      tenant: 'default',
      source: 'tailer/payments',
      epoch: '1',
      sequence: String(sequence),
    },
    value,
  }
}

function logRecord(sequence: number, body: string[], severity: number[], attributes: string[]): OutgoingRecord {
  const batch = create(LogBatchSchema, {
    tenant: 'default',
    process: process1,
    source: 'payments',
    baseTimeMs: BASE_TIME_MS,
    timeOffsetMs: body.map((_, index) => index * 250),
    severity,
    body,
    attributes,
    pattern: body.map(() => 0n),
    origin: body.map(() => 0),
    origins: ['payments.log'],
  })
  return record(topics.logs, sequence, toBinary(LogBatchSchema, batch))
}

function flaggedRecord(): OutgoingRecord {
  const flagged = create(FlaggedRecordSchema, {
    tenant: 'default',
    process: process1,
    id: 'r-1',
    timeMs: BASE_TIME_MS,
    rule: 'large transfer',
    record: '{"amount":184500,"to":"\\u20b9"}',
  })
  return record(topics.flaggedRecords, 1, toBinary(FlaggedRecordSchema, flagged))
}

function anomalyRecord(): OutgoingRecord {
  const anomaly = create(AnomalySchema, {
    tenant: 'default',
    id: 'a-1',
    process: process1,
    type: 'flagged_record',
    severity: Severity.WARNING,
    phase: AnomalyPhase.OPENED,
    timeMs: BASE_TIME_MS,
    description: 'amount is 184,500 INR',
    revision: 1,
  })
  return record(topics.anomalies, 1, toBinary(AnomalySchema, anomaly))
}
