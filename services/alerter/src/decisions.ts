import { fromBinary } from '@bufbuild/protobuf'
import type { Bus } from '@driftline/platform/bus/bus'
import type { Clock } from '@driftline/platform/clock'
import type { Component } from '@driftline/platform/lifecycle'
import type { Logger } from '@driftline/platform/logger'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database } from '@driftline/platform/metadata/tables'
import { AnomalySchema } from '@driftline/proto'
import type { Transaction } from 'kysely'
import { alertRecord } from './alert-record.ts'
import type { AlerterMetrics } from './alerter-metrics.ts'
import { type Episode, SYSTEM } from './episodes/episode.ts'
import { lastAnomalyOf, toEpisode } from './episodes/episode-rows.ts'
import { type TakeInConfig, takeRequestIn } from './episodes/take-in.ts'
import { type Found, findingOf } from './finding.ts'
import { writeDeliveries } from './outbox/write-deliveries.ts'

/**
 * Looks after what people decide in the page: it publishes every alert that has changed, writes what is to be sent of
 * their decisions, and makes the alerts that they asked for.
 */
export interface Decisions extends Component {
  /** An alert has changed. */
  wake(): void
}

export interface DecisionsDeps {
  readonly metadata: Metadata
  readonly bus: Bus
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: AlerterMetrics
  /** Something was written to the outbox. */
  onOutbox(): void
}

const EPISODES_MAX = 100
const REQUESTS_MAX = 50
const ANOMALY_IDS_MAX = 1000
/** After a failure, so that an engine that is away is not asked ten times a second. */
const FAILURE_PAUSE_MS = 1000

export function createDecisions(config: TakeInConfig & { readonly everyMs: number }, deps: DecisionsDeps): Decisions {
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> | null = null
  let wokenMeanwhile = false
  let stopped = true

  async function work(): Promise<void> {
    const asked = await makeRequested(config, deps)
    let published = 0
    do {
      wokenMeanwhile = false
      published = await publishChanged(config, deps)
    } while (wokenMeanwhile || published === EPISODES_MAX)
    if (asked > 0 || published > 0) deps.onOutbox()
  }

  function next(afterMs: number): void {
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(run, afterMs)
  }

  function run(): void {
    if (round !== null) return
    round = work()
      .then(
        () => next(config.everyMs),
        (error: unknown) => {
          if (!stopped) deps.logger.warn({ error }, 'decisions of people cannot be looked after now')
          next(FAILURE_PAUSE_MS)
        },
      )
      .finally(() => {
        round = null
      })
  }

  return {
    name: 'alert-decisions',
    wake() {
      wokenMeanwhile = true
      if (round === null && !stopped) run()
    },
    async start() {
      stopped = false
      run()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await round
    },
  }
}

/** Answers how many alerts had changed. One that changes meanwhile is published again. */
async function publishChanged(config: TakeInConfig, { metadata, bus, clock }: DecisionsDeps): Promise<number> {
  const rows = await metadata.db
    .selectFrom('alert_episodes')
    .selectAll()
    .whereRef('version', '>', 'published_version')
    .orderBy('updated_at')
    .limit(EPISODES_MAX)
    .execute()
  if (rows.length === 0) return 0
  const episodes = rows.map(toEpisode)
  await metadata.transaction(async (transaction) => {
    for (const episode of episodes) await writeDecisions(transaction, config, episode, clock.nowMs())
  })
  const records = []
  for (const episode of episodes) records.push(alertRecord(episode, await anomalyIdsOf(metadata, episode)))
  await bus.publish(records)
  await metadata.transaction(async (transaction) => {
    for (const { tenant, id, version } of episodes) {
      await transaction
        .updateTable('alert_episodes')
        .set({ published_version: version })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('published_version', '<', version)
        .execute()
    }
  })
  return rows.length
}

/** Written as often as the alert changes afterwards, but there once: the ids follow from the decision. */
async function writeDecisions(
  transaction: Transaction<Database>,
  config: TakeInConfig,
  episode: Episode,
  nowMs: number,
): Promise<void> {
  const { acknowledgedAtMs, resolvedAtMs, resolvedBy, status } = episode
  const decisions = [
    ...(acknowledgedAtMs === null ? [] : [{ event: 'acknowledged' as const, atMs: acknowledgedAtMs }]),
    ...(status === 'resolved' && resolvedAtMs !== null && resolvedBy !== SYSTEM
      ? [{ event: 'resolved' as const, atMs: resolvedAtMs }]
      : []),
  ]
  if (decisions.length === 0) return
  const anomaly = await lastAnomalyOf(transaction, episode.tenant, episode.id)
  for (const decision of decisions) {
    const occurrence = { ...decision, episode, anomaly, channels: null, holdMs: 0 }
    await writeDeliveries(transaction, occurrence, { ...config, nowMs })
  }
}

async function anomalyIdsOf({ db }: Metadata, { tenant, id }: Episode): Promise<string[]> {
  const rows = await db
    .selectFrom('alert_anomalies')
    .select('anomaly_id')
    .where('tenant', '=', tenant)
    .where('alert_id', '=', id)
    .orderBy('anomaly_id')
    .limit(ANOMALY_IDS_MAX)
    .execute()
  return rows.map((row) => row.anomaly_id)
}

/** Answers how many alerts were made. A request that cannot be read is dropped, and said. */
async function makeRequested(config: TakeInConfig, deps: DecisionsDeps): Promise<number> {
  const { metadata, logger, clock, metrics } = deps
  const rows = await metadata.db
    .selectFrom('alert_requests')
    .selectAll()
    .orderBy('created_at')
    .limit(REQUESTS_MAX)
    .execute()
  let made = 0
  for (const row of rows) {
    const found = readRequest(row)
    if (found !== null) {
      const { events } = await takeRequestIn(metadata, config, found, clock.nowMs())
      for (const event of events) metrics.events.inc({ event })
      made += events.length
      continue
    }
    logger.warn({ anomaly: row.anomaly_id }, 'an alert was asked for an anomaly that cannot be read')
    metrics.deadLetters.inc({ service: 'alerter', reason: 'request_unreadable' })
    const { tenant, anomaly_id } = row
    await metadata.transaction((transaction) =>
      transaction
        .deleteFrom('alert_requests')
        .where('tenant', '=', tenant)
        .where('anomaly_id', '=', anomaly_id)
        .execute(),
    )
  }
  return made
}

function readRequest(row: {
  readonly tenant: string
  readonly anomaly_id: string
  readonly anomaly: string
  readonly created_at: Date
}): Found | null {
  try {
    const anomaly = fromBinary(AnomalySchema, Buffer.from(row.anomaly, 'base64'))
    const verdict = findingOf(anomaly, row.tenant, row.created_at.getTime())
    return verdict.kind === 'emit' && verdict.value.finding.id === row.anomaly_id ? verdict.value : null
  } catch {
    return null
  }
}
