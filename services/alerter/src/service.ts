import { randomUUID } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import type { Bus, BusRecord, OutgoingRecord, RecordBatch, Subscription } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { DeadLetterSchema, topics } from '@driftline/proto'
import { createAlerterMetrics } from './alerter-metrics.ts'
import type { Channel } from './channels/channel.ts'
import { createChannel } from './channels/registry.ts'
import type { AlerterConfig } from './config.ts'
import { createDecisions } from './decisions.ts'
import { type TakeInConfig, takeIn } from './episodes/take-in.ts'
import { type Found, readFinding } from './finding.ts'
import { createHousekeeping } from './housekeeping.ts'
import { createDispatcher } from './outbox/dispatcher.ts'
import { createOutbox, createReportOutbox, type LeasedAlert } from './outbox/outbox.ts'
import { createReportMail } from './reports/report-mail.ts'
import { tellChannels, tellMail } from './tell-channels.ts'
import { createWebhookKeys } from './webhook-keys.ts'

export interface AlerterDeps {
  readonly bus: Bus
  readonly metadata: Metadata
  readonly logger: Logger
  readonly metrics: SelfMetrics
  readonly clock: Clock
}

const GROUP = 'alerter'
const RECORDS_MAX = 100
const BYTES_MAX = 4 * 1024 * 1024
const PAYLOAD_BYTES_MAX = 4096
const DETAIL_CHARACTERS_MAX = 1000

/** Makes alerts of anomalies, tells people of them, and publishes what becomes of them. */
export function createAlerter(config: AlerterConfig, deps: AlerterDeps): Component {
  const { bus, metadata, clock } = deps
  const logger = deps.logger.child({ component: 'alerter' })
  const metrics = createAlerterMetrics(deps.metrics)
  const webhookKey = createWebhookKeys(deps)
  const channels = channelsOf(config, webhookKey)
  const takeInConfig: TakeInConfig = { ...config, channels }
  const lease = { owner: randomUUID(), leaseMs: config.timing.leaseMs }
  const outbox = createOutbox(lease, deps)
  const shared = { metadata, bus, outbox, logger, metrics, clock }
  const dispatcher = createDispatcher<LeasedAlert>(channels, config.timing, { ...shared, random: Math.random })
  const reportMails = createDispatcher([createReportMail(config.smtp, deps)], config.timing, {
    ...shared,
    outbox: createReportOutbox(lease, deps),
    random: Math.random,
  })
  const decisions = createDecisions(
    { ...takeInConfig, everyMs: config.timing.decisionsEveryMs },
    { ...shared, onOutbox: () => dispatcher.wake() },
  )
  const names = channels.map(({ name }) => name)
  const housekeeping = createHousekeeping({ channels: names, retentionMs: config.timing.retentionMs }, shared)
  let subscription: Subscription | null = null

  async function handle(batch: RecordBatch): Promise<number> {
    const found: Found[] = []
    for (const record of batch.records) {
      const verdict = readFinding(record)
      metrics.records.inc({ verdict: verdict.kind })
      if (verdict.kind === 'emit') found.push(verdict.value)
      if (verdict.kind === 'dead-letter') await refuse(record, verdict)
    }
    if (found.length === 0) return batch.records.at(-1)!.offset + 1
    const { events, repeats } = await takeIn(metadata, takeInConfig, found, clock.nowMs())
    metrics.records.inc({ verdict: 'repeat' }, repeats)
    for (const event of events) metrics.events.inc({ event })
    if (events.length > 0) {
      dispatcher.wake()
      decisions.wake()
    }
    return batch.records.at(-1)!.offset + 1
  }

  async function refuse(record: BusRecord, why: { readonly reason: string; readonly detail: string }): Promise<void> {
    metrics.deadLetters.inc({ service: 'alerter', reason: why.reason })
    await bus.publish([deadLetterOf(record, why, clock.nowMs())])
  }

  return {
    name: 'alerter',
    async start() {
      await tellChannels(config.channels, channels, deps)
      await tellMail(config.smtp, deps)
      await warnOfTheUnready(config, webhookKey, logger)
      await dispatcher.start()
      await reportMails.start()
      await decisions.start()
      await housekeeping.start()
      subscription = await bus.subscribe({
        group: GROUP,
        topics: [topics.anomalies.name],
        maxRecords: RECORDS_MAX,
        maxBytes: BYTES_MAX,
        handle,
      })
    },
    async stop() {
      await subscription?.stop()
      subscription = null
      await housekeeping.stop()
      await decisions.stop()
      await reportMails.stop()
      await dispatcher.stop()
    },
  }
}

function channelsOf(config: AlerterConfig, webhookKey: ReturnType<typeof createWebhookKeys>): Channel[] {
  const { smtp } = config
  return config.channels.flatMap((settings) => createChannel(settings, { smtp, webhookKey }) ?? [])
}

/** Says what is set and cannot work, and makes the secrets that are missing, so that receivers can be given them. */
async function warnOfTheUnready(
  { channels, smtp }: AlerterConfig,
  webhookKey: ReturnType<typeof createWebhookKeys>,
  logger: Logger,
): Promise<void> {
  for (const settings of channels) {
    const { name, channel } = settings
    if (channel === 'webhook') await webhookKey(name, settings.secret ?? null)
    else if (channel !== 'email') logger.warn({ name }, `channels of the kind ${channel} come later: nothing is sent`)
    else if (smtp === null) {
      logger.warn({ name }, 'mails cannot be sent until process_monitor.alerting.smtp.host is set')
    }
  }
}

/** Its source and sequence follow from the record's place on the bus, so that one made again is known as a repeat. */
function deadLetterOf(
  record: BusRecord,
  { reason, detail }: { readonly reason: string; readonly detail: string },
  nowMs: number,
): OutgoingRecord {
  const { headers, topic, partition, offset, value } = record
  const letter = create(DeadLetterSchema, {
    tenant: headers.tenant,
    timeMs: BigInt(nowMs),
    service: 'alerter',
    source: headers.source,
    reason,
    detail: detail.slice(0, DETAIL_CHARACTERS_MAX),
    topic,
    partition,
    offset: BigInt(offset),
    payload: Uint8Array.from(value.subarray(0, PAYLOAD_BYTES_MAX)),
    payloadSize: BigInt(value.length),
  })
  return {
    topic: topics.deadLetters.name,
    key: record.key,
    headers: {
      'content-type': 'application/protobuf',
      message: DeadLetterSchema.typeName,
      tenant: headers.tenant,
      source: `alerter/${topic}/${partition}`,
      epoch: '1',
      sequence: String(offset + 1),
    },
    value: toBinary(DeadLetterSchema, letter),
  }
}
