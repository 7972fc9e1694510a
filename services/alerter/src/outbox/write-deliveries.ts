import { createHash } from 'node:crypto'
import { readActorNames } from '@driftline/platform/access/actor-names'
import type { Database, Json } from '@driftline/platform/metadata/tables'
import type { Transaction } from 'kysely'
import type { AlertEvent, Channel } from '../channels/channel.ts'
import { type Episode, type EpisodeEvent, SYSTEM } from '../episodes/episode.ts'
import { alertPayload } from '../payload.ts'

/** What happened to an alert, to be told of. */
export interface Occurrence {
  readonly episode: Episode
  readonly event: Exclude<EpisodeEvent, 'changed'> | 'acknowledged'
  /** When it happened, by the server. */
  readonly atMs: number
  /** `anomalyData` of the anomaly that made it; null where it is not known. */
  readonly anomaly: Json
  /** Names of channels that hear of it beside those that were told before; null for all. */
  readonly channels: readonly string[] | null
  /** What is over by then is not told of at all, milliseconds; 0 tells at once. */
  readonly holdMs: number
}

export interface WriteContext {
  readonly channels: readonly Channel[]
  readonly publicUrl: string | null
  readonly nowMs: number
}

/** A channel's target, and what it was told last of an alert. */
interface Told {
  readonly channel: string
  readonly target: string
  readonly event: string
}

/** Writes what is to be sent, in the transaction that changes the episode. The ids follow from what happened. */
export async function writeDeliveries(
  transaction: Transaction<Database>,
  occurrence: Occurrence,
  context: WriteContext,
): Promise<void> {
  const { episode, event, holdMs } = occurrence
  if (event === 'resolved') await withdrawHeld(transaction, episode)
  if (event === 'reopened' || event === 'worsened') await withdrawUnsentEnds(transaction, episode)
  if (event === 'worsened' && holdMs === 0) await releaseHeld(transaction, episode, context.nowMs)
  const told = await loadTold(transaction, episode)
  const wanted = targetsOf(occurrence, told, context.channels)
  if (wanted.length === 0) return
  const says = event === 'reopened' ? 'opened' : event
  const named = await withNames(transaction, episode)
  const payload = alertPayload(says, occurrence.atMs, named, { ...occurrence, ...context })
  const rows = wanted.map(({ channel, target }) => ({
    tenant: episode.tenant,
    id: deliveryIdOf(occurrence, says, channel, target),
    alert_id: episode.id,
    alert_version: episode.version,
    channel,
    target,
    event: says,
    payload: payload as unknown as Json,
    state: 'pending' as const,
    attempts: 0,
    created_at: new Date(context.nowMs),
    next_attempt_at: new Date(context.nowMs + holdMs),
    delivered_at: null,
    leased_until: new Date(0),
    lease_owner: null,
    last_error: null,
  }))
  await transaction
    .insertInto('alert_deliveries')
    .values(rows)
    .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
    .execute()
}

/** The episode as people read it: who did what by name. */
async function withNames(transaction: Transaction<Database>, episode: Episode): Promise<Episode> {
  const { tenant, acknowledgedBy, resolvedBy } = episode
  const names = await readActorNames(transaction, tenant, [acknowledgedBy, resolvedBy])
  const nameOf = (actor: string | null): string | null => (actor === null ? null : (names.get(actor) ?? actor))
  return { ...episode, acknowledgedBy: nameOf(acknowledgedBy), resolvedBy: nameOf(resolvedBy) }
}

/**
 * Who hears of it: what opens or worsens goes to the channels of the rules and to all that were told before; what
 * ends, only to those that know of it; what comes back, only to those that were told of an end.
 */
function targetsOf({ event, channels: named }: Occurrence, told: readonly Told[], channels: readonly Channel[]) {
  const wanted: { channel: string; target: string }[] = []
  for (const { name, events, targets } of channels) {
    if (!events.includes(event === 'reopened' ? 'opened' : event)) continue
    for (const target of targets) {
      const last = told.find((each) => each.channel === name && each.target === target)?.event
      const isNamed = named === null || named.includes(name)
      const hears =
        event === 'opened' || event === 'worsened'
          ? isNamed || last !== undefined
          : last !== undefined && (last === 'resolved') === (event === 'reopened')
      if (hears) wanted.push({ channel: name, target })
    }
  }
  return wanted
}

/** Far more than the targets of all channels; beyond, a target that was told of nothing for long is forgotten. */
const TOLD_READ_MAX = 2000

/** The last event that each target was told of, or will be, by the newest messages of the alert. */
async function loadTold(transaction: Transaction<Database>, { tenant, id }: Episode): Promise<Told[]> {
  const rows = await transaction
    .selectFrom('alert_deliveries')
    .select(['channel', 'target', 'event'])
    .where('tenant', '=', tenant)
    .where('alert_id', '=', id)
    .where('state', '!=', 'withdrawn')
    .orderBy('alert_version', 'desc')
    .orderBy('event', 'desc')
    .limit(TOLD_READ_MAX)
    .execute()
  const last = new Map(rows.reverse().map((row) => [`${row.channel} ${row.target}`, row]))
  return [...last.values()]
}

/** An excursion that is over before anybody was told of it notifies no one. */
async function withdrawHeld(transaction: Transaction<Database>, { tenant, id }: Episode): Promise<void> {
  await transaction
    .updateTable('alert_deliveries')
    .set({ state: 'withdrawn' })
    .where('tenant', '=', tenant)
    .where('alert_id', '=', id)
    .where('state', '=', 'pending')
    .where('attempts', '=', 0)
    .whereRef('next_attempt_at', '>', 'created_at')
    .execute()
}

/** An end that was not told of yet need not be told of when it was none. */
async function withdrawUnsentEnds(transaction: Transaction<Database>, { tenant, id }: Episode): Promise<void> {
  await transaction
    .updateTable('alert_deliveries')
    .set({ state: 'withdrawn' })
    .where('tenant', '=', tenant)
    .where('alert_id', '=', id)
    .where('event', '=', 'resolved')
    .where('state', '=', 'pending')
    .where('attempts', '=', 0)
    .execute()
}

/** What was held goes out now, before what is worse. */
async function releaseHeld(transaction: Transaction<Database>, { tenant, id }: Episode, nowMs: number): Promise<void> {
  const now = new Date(nowMs)
  await transaction
    .updateTable('alert_deliveries')
    .set({ next_attempt_at: now, created_at: now })
    .where('tenant', '=', tenant)
    .where('alert_id', '=', id)
    .where('state', '=', 'pending')
    .where('attempts', '=', 0)
    .whereRef('next_attempt_at', '>', 'created_at')
    .execute()
}

/** People's decisions are known by their time: several may be seen at once, and one again after a crash. */
function deliveryIdOf({ episode, event, atMs }: Occurrence, says: AlertEvent, channel: string, target: string): string {
  const isDecision = event === 'acknowledged' || (event === 'resolved' && episode.resolvedBy !== SYSTEM)
  const which = isDecision ? `at ${atMs}` : `version ${episode.version}`
  const parts = [episode.tenant, episode.id, channel, target, says, which]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`)
  return `msg_${hash.digest('hex').slice(0, 32)}`
}
