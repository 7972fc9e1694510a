import { createHash } from 'node:crypto'
import type { AlertStatusName, SeverityName } from '@driftline/platform/metadata/tables'
import { isWorse, REQUESTED_RULE, type RuleMatch } from '../rules.ts'
import { cut } from '../text.ts'

/** What people handle, as the step sees it. Times are milliseconds since the Unix epoch, by the server. */
export interface Episode {
  readonly tenant: string
  readonly id: string
  /** Process and type: what is alike goes into one episode while it is open. */
  readonly key: string
  readonly anomalyId: string
  readonly process: string
  readonly rule: string
  readonly type: string
  /** The worst so far. */
  readonly severity: SeverityName
  readonly status: AlertStatusName
  readonly message: string
  readonly recipients: readonly string[]
  readonly openedAtMs: number
  readonly acknowledgedAtMs: number | null
  readonly acknowledgedBy: string | null
  readonly resolvedAtMs: number | null
  readonly resolvedBy: string | null
  readonly version: number
}

/** A record of an anomaly, as far as alerts go by it. */
export interface Finding {
  readonly tenant: string
  readonly id: string
  readonly revision: number
  readonly closed: boolean
  readonly process: string
  readonly type: string
  readonly severity: SeverityName
  readonly description: string
  /** When the bus stored the record. */
  readonly storedAtMs: number
}

/** What is known of an anomaly. `alertId` is null for one that was over before it made an alert. */
export interface Link {
  readonly alertId: string | null
  readonly active: boolean
  readonly revision: number
}

/** What the step may look at. */
export interface View {
  readonly link: Link | null
  /** The episode of the link; else the open one of the key; else the last one of the key; else null. */
  readonly episode: Episode | null
  /** Whether other anomalies of that episode last. */
  readonly othersActive: boolean
}

/** A rule's answer with the recipients of its channels; null when no rule wants the anomaly. */
export type Match = (RuleMatch & { readonly recipients: readonly string[] }) | null

/** `reopened` is what is alike coming back at once: told of only if it lasts. `changed` is told of in the page alone. */
export type EpisodeEvent = 'opened' | 'worsened' | 'resolved' | 'reopened' | 'changed'

export type Step =
  | { readonly verdict: 'skip'; readonly reason: 'repeat' | 'no_rule'; readonly link: null }
  | {
      readonly verdict: 'emit'
      readonly link: Link
      /** Null where the episode stays as it is. */
      readonly change: { readonly episode: Episode; readonly event: EpisodeEvent } | null
    }

export interface StepConfig {
  /** An excursion that comes back within this time belongs to the episode that has just resolved itself. */
  readonly flapMs: number
}

/** Who resolves an episode whose anomalies are over. */
export const SYSTEM = 'system'

const MESSAGE_CHARACTERS_MAX = 2000

/**
 * Takes one record in. Records of an anomaly may come twice or in any order: only one that is newer than all before it
 * counts, and an end is final.
 */
export function stepEpisode(config: StepConfig, view: View, finding: Finding, match: Match): Step {
  const { link, episode } = view
  if (link !== null && link.revision >= finding.revision) return { verdict: 'skip', reason: 'repeat', link: null }
  if (finding.closed) return close(view, finding)
  if (link !== null) {
    const next = { ...link, revision: finding.revision }
    if (!link.active || episode === null) return { verdict: 'emit', link: next, change: null }
    return { verdict: 'emit', link: next, change: update(episode, finding, match) }
  }
  if (match === null) return { verdict: 'skip', reason: 'no_rule', link: null }
  const change = enter(config, episode, finding, match)
  return { verdict: 'emit', link: { alertId: change.episode.id, active: true, revision: finding.revision }, change }
}

/**
 * An alert that somebody asked for. Of an anomaly that is over it stays open until people resolve it: they wanted it.
 * Null when the anomaly has an alert.
 */
export function stepRequest(view: View, finding: Finding, recipients: readonly string[]): Step | null {
  const { link, episode } = view
  if (link !== null && link.alertId !== null) return null
  const match = { rule: REQUESTED_RULE, channels: null, recipients }
  const change = enter({ flapMs: Number.NEGATIVE_INFINITY }, episode, finding, match)
  const active = !finding.closed && link === null
  const revision = Math.max(finding.revision, link?.revision ?? 0)
  return { verdict: 'emit', link: { alertId: change.episode.id, active, revision }, change }
}

/** The id follows from the first anomaly, so that a replay makes the same. */
export function alertIdOf(tenant: string, anomalyId: string): string {
  return `al_${createHash('sha256').update(`${tenant.length}:${tenant}${anomalyId}`).digest('hex').slice(0, 32)}`
}

export function episodeKeyOf({ process, type }: Pick<Finding, 'process' | 'type'>): string {
  return `${process} ${type}`
}

function close({ link, episode, othersActive }: View, finding: Finding): Step {
  const revision = finding.revision
  if (link === null) return { verdict: 'emit', link: { alertId: null, active: false, revision }, change: null }
  const ended = { ...link, active: false, revision }
  const isLast = link.active && !othersActive && episode !== null && episode.status !== 'resolved'
  if (!isLast) return { verdict: 'emit', link: ended, change: null }
  const resolved = {
    ...episode,
    status: 'resolved' as const,
    resolvedAtMs: finding.storedAtMs,
    resolvedBy: SYSTEM,
    version: episode.version + 1,
  }
  return { verdict: 'emit', link: ended, change: { episode: resolved, event: 'resolved' } }
}

/** An anomaly that is new to alerts joins what is open, brings back what has just ended, or opens an episode. */
function enter(
  { flapMs }: StepConfig,
  episode: Episode | null,
  finding: Finding,
  match: NonNullable<Match>,
): { episode: Episode; event: EpisodeEvent } {
  if (episode !== null && episode.status !== 'resolved') {
    const joined = update(episode, finding, match)
    return joined ?? { episode: { ...episode, version: episode.version + 1 }, event: 'changed' }
  }
  if (episode === null || !isFlapping(episode, finding, flapMs)) {
    return { episode: open(finding, match), event: 'opened' }
  }
  const back: Episode = {
    ...episode,
    status: episode.acknowledgedAtMs === null ? 'open' : 'acknowledged',
    resolvedAtMs: null,
    resolvedBy: null,
  }
  if (isWorse(finding.severity, episode.severity)) return { episode: worsen(back, finding, match), event: 'worsened' }
  return { episode: { ...back, version: episode.version + 1 }, event: 'reopened' }
}

function isFlapping({ resolvedBy, resolvedAtMs }: Episode, { storedAtMs }: Finding, flapMs: number): boolean {
  return resolvedBy === SYSTEM && resolvedAtMs !== null && storedAtMs - resolvedAtMs < flapMs
}

function open(finding: Finding, { rule, recipients }: NonNullable<Match>): Episode {
  return {
    tenant: finding.tenant,
    id: alertIdOf(finding.tenant, finding.id),
    key: episodeKeyOf(finding),
    anomalyId: finding.id,
    process: finding.process,
    rule,
    type: finding.type,
    severity: finding.severity,
    status: 'open',
    message: cut(finding.description, MESSAGE_CHARACTERS_MAX),
    recipients,
    openedAtMs: finding.storedAtMs,
    acknowledgedAtMs: null,
    acknowledgedBy: null,
    resolvedAtMs: null,
    resolvedBy: null,
    version: 1,
  }
}

/** Null when the record says nothing new of the episode. */
function update(episode: Episode, finding: Finding, match: Match): { episode: Episode; event: EpisodeEvent } | null {
  if (episode.status === 'resolved') return null
  if (isWorse(finding.severity, episode.severity))
    return { episode: worsen(episode, finding, match), event: 'worsened' }
  const message = cut(finding.description, MESSAGE_CHARACTERS_MAX)
  if (finding.id !== episode.anomalyId || message === episode.message) return null
  return { episode: { ...episode, message, version: episode.version + 1 }, event: 'changed' }
}

function worsen(episode: Episode, finding: Finding, match: Match): Episode {
  return {
    ...episode,
    severity: finding.severity,
    message: cut(finding.description, MESSAGE_CHARACTERS_MAX),
    rule: match?.rule ?? episode.rule,
    recipients: [...new Set([...episode.recipients, ...(match?.recipients ?? [])])],
    version: episode.version + 1,
  }
}
