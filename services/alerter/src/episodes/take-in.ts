import { AppError } from '@driftline/platform/errors'
import type { Metadata } from '@driftline/platform/metadata/metadata'
import type { Database } from '@driftline/platform/metadata/tables'
import type { Transaction } from 'kysely'
import type { Channel } from '../channels/channel.ts'
import type { AlerterTiming } from '../config.ts'
import type { Found } from '../finding.ts'
import { writeDeliveries } from '../outbox/write-deliveries.ts'
import { anomalyData } from '../payload.ts'
import { type AlertRule, matchRules } from '../rules.ts'
import { type EpisodeEvent, type Match, type Step, stepEpisode, stepRequest } from './episode.ts'
import { loadView, saveEpisode, saveLink } from './episode-rows.ts'

export interface TakeInConfig {
  readonly rules: readonly AlertRule[]
  readonly channels: readonly Channel[]
  readonly publicUrl: string | null
  readonly timing: Pick<AlerterTiming, 'oldAfterMs' | 'oldGraceMs' | 'flapMs'>
}

export interface TakenIn {
  /** What happened, in order; what changed nothing is left out. */
  readonly events: readonly EpisodeEvent[]
  readonly repeats: number
}

const ATTEMPTS = 5

/**
 * Takes records in, in order, in one transaction: episodes, anomalies and what is to be sent stand there together or
 * not at all. Errors: those of the metadata store.
 */
export async function takeIn(
  metadata: Metadata,
  config: TakeInConfig,
  found: readonly Found[],
  nowMs: number,
): Promise<TakenIn> {
  return again(() =>
    metadata.transaction(async (transaction) => {
      const steps: Step[] = []
      for (const each of found) {
        const view = await loadView(transaction, each.finding)
        const step = stepEpisode(config.timing, view, each.finding, matchOf(config, each))
        await store(transaction, config, { found: each, step, nowMs })
        steps.push(step)
      }
      return {
        events: steps.flatMap((step) => (step.verdict === 'emit' && step.change !== null ? [step.change.event] : [])),
        repeats: steps.filter((step) => step.verdict === 'skip' && step.reason === 'repeat').length,
      }
    }),
  )
}

/** Makes an alert of an anomaly that somebody asked one for, and forgets that it was asked for. */
export async function takeRequestIn(
  metadata: Metadata,
  config: TakeInConfig,
  found: Found,
  nowMs: number,
): Promise<TakenIn> {
  const { tenant, id } = found.finding
  return again(() =>
    metadata.transaction(async (transaction) => {
      const view = await loadView(transaction, found.finding)
      const step = stepRequest(view, found.finding, recipientsOf(config.channels, null))
      if (step !== null) await store(transaction, config, { found, step, nowMs, asked: true })
      await transaction.deleteFrom('alert_requests').where('tenant', '=', tenant).where('anomaly_id', '=', id).execute()
      const isChange = step !== null && step.verdict === 'emit' && step.change !== null
      return { events: isChange ? [step.change.event] : [], repeats: 0 }
    }),
  )
}

async function store(
  transaction: Transaction<Database>,
  config: TakeInConfig,
  taken: { readonly found: Found; readonly step: Step; readonly nowMs: number; readonly asked?: boolean },
): Promise<void> {
  const { found, step, nowMs, asked = false } = taken
  if (step.verdict === 'skip') return
  if (step.change !== null) {
    const saved = await saveEpisode(transaction, step.change.episode, nowMs)
    if (!saved) throw new AppError('metadata_conflict', 'Somebody else has changed the alert', { retryable: true })
  }
  await saveLink(transaction, found.finding, step.link, nowMs)
  if (step.change === null || step.change.event === 'changed') return
  const { episode, event } = step.change
  const { oldAfterMs, oldGraceMs, flapMs } = config.timing
  const mayBeOver = !asked && (event === 'opened' || event === 'worsened') && nowMs - found.timeMs > oldAfterMs
  const occurrence = {
    episode,
    event,
    atMs: found.finding.storedAtMs,
    anomaly: anomalyData(found.anomaly),
    channels: asked ? null : channelsFor(config, found),
    holdMs: mayBeOver ? oldGraceMs : event === 'reopened' ? flapMs : 0,
  }
  await writeDeliveries(transaction, occurrence, { ...config, nowMs })
}

function matchOf({ rules, channels }: TakeInConfig, { finding }: Found): Match {
  const match = matchRules(rules, finding)
  return match === null ? null : { ...match, recipients: recipientsOf(channels, match.channels) }
}

/** Null for all. An anomaly that no rule wants any more still belongs to those who heard of the alert. */
function channelsFor({ rules }: TakeInConfig, { finding }: Found): readonly string[] | null {
  const match = matchRules(rules, finding)
  return match === null ? [] : match.channels
}

function recipientsOf(channels: readonly Channel[], names: readonly string[] | null): string[] {
  return channels
    .filter(({ name }) => names === null || names.includes(name))
    .flatMap(({ targets, recipient }) => targets.map(recipient))
}

/** What another instance or a person did meanwhile is looked at anew. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof AppError) || error.code !== 'metadata_conflict') throw error
    }
  }
}
