import type { Alert, AlertStatus, Anomaly, Delivery, Severity } from '../api/types.ts'
import type { GlyphState } from '../components/StatusGlyph.vue'
import type { Format } from '../format.ts'

const rank: Record<Severity, number> = { critical: 0, warning: 1, info: 2 }

export const isOpen = (alert: Pick<Alert, 'status'>): boolean => alert.status !== 'resolved'

/** Nothing is heard: shown with the ring of silence, for which no number is wrong. */
export const isSilence = (one: { readonly type: string }): boolean => one.type === 'missing_data'

/** Worst first, then newest first. */
export function bySeverity(
  a: { readonly severity: Severity; readonly timestamp: string; readonly id: string },
  b: { readonly severity: Severity; readonly timestamp: string; readonly id: string },
): number {
  return rank[a.severity] - rank[b.severity] || b.timestamp.localeCompare(a.timestamp) || a.id.localeCompare(b.id)
}

export function byTime(
  a: { readonly timestamp: string; readonly id: string },
  b: { readonly timestamp: string; readonly id: string },
): number {
  return b.timestamp.localeCompare(a.timestamp) || b.id.localeCompare(a.id)
}

export function glyphOf(one: { readonly type: string; readonly severity: Severity }): GlyphState {
  if (isSilence(one)) return 'silent'
  return one.severity === 'info' ? 'pending' : one.severity
}

/** `performance_degradation` as people read it. */
export const typeWords = (type: string): string => type.replaceAll('_', ' ')

/** An alert as it stood at a moment; null when it was not there yet. */
export function alertAt(alert: Alert, atMs: number): Alert | null {
  const then = (text: string | null) => text !== null && Date.parse(text) <= atMs
  if (!then(alert.timestamp)) return null
  const resolved = then(alert.resolvedAt)
  const acknowledged = then(alert.acknowledgedAt)
  const status: AlertStatus = resolved ? 'resolved' : acknowledged ? 'acknowledged' : 'open'
  return {
    ...alert,
    status,
    ...(resolved ? {} : { resolvedAt: null, resolvedBy: null }),
    ...(acknowledged ? {} : { acknowledgedAt: null, acknowledgedBy: null }),
  }
}

/** An anomaly as it stood at a moment; null when it had not begun. Its words are those of its last record. */
export function anomalyAt(anomaly: Anomaly, atMs: number): Anomaly | null {
  if (Date.parse(anomaly.timestamp) > atMs) return null
  return anomaly.endedAt !== null && Date.parse(anomaly.endedAt) > atMs ? { ...anomaly, endedAt: null } : anomaly
}

/**
 * What the server listed, with what came live since: changed ones in their place, new ones that `fits` in the order
 * of `compare`, and without those that no longer fit.
 */
export function mergeLive<T extends { readonly id: string }>(
  listed: readonly T[],
  live: Iterable<T>,
  fits: (one: T) => boolean,
  compare: (a: T, b: T) => number,
): T[] {
  const found = new Map(listed.map((one) => [one.id, one]))
  for (const one of live) if (found.has(one.id) || fits(one)) found.set(one.id, one)
  return [...found.values()].filter(fits).sort(compare)
}

/** `38 min`: how long it has lasted, or did last. */
export function lengthOf(fromMs: number, endMs: number | null, nowMs: number, format: Format): string {
  return format.seconds(Math.max(0, ((endMs ?? nowMs) - fromMs) / 1000)) ?? ''
}

/** What became of an alert, in a few words: whom it reached, who has it, who ended it. */
export function handlingOf(alert: Alert): string {
  if (alert.status === 'resolved')
    return alert.resolvedBy === null || alert.resolvedBy === 'system'
      ? 'Over by itself'
      : `Resolved by ${alert.resolvedBy}`
  if (alert.status === 'acknowledged') return `Acknowledged by ${alert.acknowledgedBy ?? 'somebody'}`
  if (alert.recipients.length === 0) return 'Shown here only'
  const [first, ...rest] = alert.recipients
  return `To ${channelWords(first ?? '')}${rest.length > 0 ? ` and ${rest.length} more` : ''}`
}

/** `email:ops@example.org` is `ops@example.org`; a webhook is known by its host. */
export function channelWords(channel: string): string {
  const at = channel.indexOf(':')
  const kind = at < 0 ? channel : channel.slice(0, at)
  const to = at < 0 ? '' : channel.slice(at + 1)
  if (kind === 'email' && to) return to
  const host = /^https?:\/\/([^/?#]+)/.exec(to)?.[1]
  return [kind, host ?? to].filter(Boolean).join(' ')
}

export const deliveryGlyph: Record<Delivery['state'], GlyphState> = {
  pending: 'silent',
  delivered: 'success',
  failed: 'critical',
  withdrawn: 'pending',
}

/** `14:02:13`, `14:02:13, 2 tries`, `waiting, 3 tries`, `failed, 8 tries`. */
export function deliveryWords(delivery: Delivery, format: Format): string {
  const tries = delivery.attempts > 1 ? `, ${format.count(delivery.attempts)} tries` : ''
  if (delivery.state === 'delivered' && delivery.deliveredAt !== null)
    return `${format.clock(Date.parse(delivery.deliveredAt))}${tries}`
  const word = { pending: 'waiting', failed: 'failed', withdrawn: 'withdrawn', delivered: 'delivered' }[delivery.state]
  return `${word}${tries}`
}

/** A line of what happened, in order. */
export interface Happening {
  readonly atMs: number
  readonly glyph: GlyphState
  readonly title: string
  readonly detail: string
}

const eventWords: Record<string, string> = {
  opened: 'of the opening',
  worsened: 'that it became worse',
  acknowledged: 'that somebody has it',
  resolved: 'of the end',
}

function deliveryHappening(delivery: Delivery, format: Format): Happening {
  const about = eventWords[delivery.event] ?? `of ${delivery.event}`
  const to = channelWords(delivery.channel)
  const error = delivery.lastError ? ` ${delivery.lastError}` : ''
  const tries = delivery.attempts > 1 ? ` After ${format.count(delivery.attempts)} tries.` : ''
  if (delivery.state === 'delivered' && delivery.deliveredAt !== null) {
    const tookMs = Date.parse(delivery.deliveredAt) - Date.parse(delivery.createdAt)
    const took = format.duration(Math.max(0, tookMs))
    return {
      atMs: Date.parse(delivery.deliveredAt),
      glyph: 'success',
      title: `${to} told ${about}`,
      detail: `Delivered in ${took}.${tries}`,
    }
  }
  return {
    atMs: Date.parse(delivery.createdAt),
    glyph: deliveryGlyph[delivery.state],
    title: delivery.state === 'failed' ? `${to} could not be told ${about}` : `${to} is to be told ${about}`,
    detail: `${deliveryWords(delivery, format)}.${error}`,
  }
}

/** What happened around an alert, in order: its anomalies, its steps, its messages. */
export function happeningsOf(
  alert: Alert,
  anomalies: readonly Anomaly[],
  deliveries: readonly Delivery[],
  format: Format,
): Happening[] {
  const found: Happening[] = []
  for (const anomaly of anomalies) {
    const glyph = glyphOf(anomaly)
    found.push({
      atMs: Date.parse(anomaly.timestamp),
      glyph,
      title: anomaly.description,
      detail: typeWords(anomaly.type),
    })
    if (anomaly.endedAt !== null)
      found.push({
        atMs: Date.parse(anomaly.endedAt),
        glyph: 'ok',
        title: `Back to normal: ${typeWords(anomaly.type)}`,
        detail: `After ${lengthOf(Date.parse(anomaly.timestamp), Date.parse(anomaly.endedAt), 0, format)}.`,
      })
  }
  const to = alert.recipients.map(channelWords).join(', ')
  found.push({
    atMs: Date.parse(alert.timestamp),
    glyph: glyphOf(alert),
    title: `Alert opened by rule “${alert.rule}”`,
    detail: to ? `Goes to ${to}.` : 'Goes to no channel: none is configured.',
  })
  if (alert.acknowledgedAt !== null)
    found.push({
      atMs: Date.parse(alert.acknowledgedAt),
      glyph: 'running',
      title: `Acknowledged by ${alert.acknowledgedBy ?? 'somebody'}`,
      detail: '',
    })
  if (alert.resolvedAt !== null)
    found.push({
      atMs: Date.parse(alert.resolvedAt),
      glyph: 'success',
      title:
        alert.resolvedBy === 'system' ? 'Resolved: all of it is over' : `Resolved by ${alert.resolvedBy ?? 'somebody'}`,
      detail: '',
    })
  for (const delivery of deliveries) found.push(deliveryHappening(delivery, format))
  return found.sort((a, b) => a.atMs - b.atMs)
}
