import type { Principal } from '@driftline/platform/access/permissions'
import type { Clock } from '@driftline/platform/clock'
import type { SelfMetrics } from '@driftline/platform/metrics'
import { knownPoint, MINUTE_MS, minuteOf, normalsOf, tidyDeviation } from '../estate/drift-state.ts'
import type { Estate } from '../estate/estate.ts'
import type { TableChanges } from '../estate/process-table.ts'
import { processStatusOf, reasonOf, toProcessItem } from '../estate/views.ts'
import { problemBody, toProblemError } from '../http/problems.ts'
import type { AlertItem, AnomalyItem } from '../schemas/anomalies.ts'
import type { ProcessChanges } from '../schemas/live.ts'
import {
  alertsTopic,
  type ChannelSource,
  channelSource,
  hostSnapshotOf,
  hostTopic,
  overviewTopic,
  processTopic,
} from './channels.ts'
import { encodeTextFrame } from './frames.ts'
import type { LatencyWindow } from './latency.ts'
import { createNews } from './news.ts'
import { createOverviewTracker, type OverviewTracker } from './overview-tracker.ts'

/** A connection as the hub sees it: it takes frames and says when it is gone. */
export interface Subscriber {
  readonly tenant: string
  readonly principal: Principal
  readonly channels: Map<string, Channel>
  /** Names of channels whose beginning is still read. */
  readonly awaited: Set<string>
  /** Writes a shared frame; a subscriber that is too slow drops itself instead. */
  write(frame: Buffer): void
}

/** A channel with subscribers; it lives as long as it has any. */
export interface Channel {
  readonly name: string
  readonly tenant: string
  readonly topic: string
  readonly subscribers: Set<Subscriber>
  seq: number
  snapshot(nowMs: number): unknown
  /** Ends what feeds it. */
  end: (() => void) | null
  /** The newest encoded snapshot, shared by clients that come between two changes. */
  encoded: { seq: number; atMs: number; frame: Buffer } | null
  /** What the second's look at a process found last. */
  mark: string
}

export interface LiveHub {
  subscribe(subscriber: Subscriber, name: string): void
  unsubscribe(subscriber: Subscriber, name: string): void
  leave(subscriber: Subscriber): void
  publishHostFrame(tenant: string, host: string, timeMs: number, changes: TableChanges): void
  publishKpis(tenant: string, processes: readonly string[]): void
  publishBaselines(tenant: string, processes: ReadonlySet<string>, minuteTimeMs: number): void
  /** Goes out within a tenth of a second, together with what else comes in that time. */
  publishAnomaly(tenant: string, anomaly: AnomalyItem): void
  publishAlert(tenant: string, alert: AlertItem): void
  /** Sends the whole table again after it was rebuilt. */
  resetHost(tenant: string, host: string): void
  /** What happens once a second: the overview's changes and what time alone changes. */
  tick(): void
}

/** A snapshot is made anew after this time even without a change, because it holds times. */
const SNAPSHOT_MAX_AGE_MS = 1000

export function createLiveHub(deps: {
  estate: Estate
  clock: Clock
  metrics: SelfMetrics
  latency: LatencyWindow
  /** Channels that other parts feed; null for a name that is none of theirs. Errors: 403, 404. */
  feedOf?: (name: string, principal: Principal) => ChannelSource | null
  /** Reads what a channel begins with, where that is not in memory; null where it is. Errors: 404. */
  prepare?: (name: string, principal: Principal) => Promise<void> | null
}): LiveHub {
  const { estate, clock } = deps
  /** By tenant and topic; two spellings of one host are two channels of one topic. */
  const topics = new Map<string, Map<string, Channel>>()
  const trackers = new Map<string, OverviewTracker>()
  const framesSent = deps.metrics.counter('driftline_live_frames_total', 'Frames encoded for live channels')
  const topicKey = (tenant: string, topic: string): string => `${tenant}\n${topic}`

  const open = (subscriber: Subscriber, name: string): Channel => {
    const fed = deps.feedOf?.(name, subscriber.principal) ?? null
    const source = channelSource(name, estate.tenant(subscriber.tenant), fed)
    const key = topicKey(subscriber.tenant, source.topic)
    const siblings = topics.get(key) ?? new Map<string, Channel>()
    topics.set(key, siblings)
    const existing = siblings.get(name)
    if (existing) return existing
    const channel: Channel = {
      ...source,
      name,
      tenant: subscriber.tenant,
      subscribers: new Set(),
      seq: 0,
      end: null,
      encoded: null,
      mark: '',
    }
    siblings.set(name, channel)
    channel.end = source.open?.((changes) => publish(subscriber.tenant, source.topic, () => changes)) ?? null
    if (source.topic === overviewTopic) {
      const tracker = createOverviewTracker(estate.tenant(subscriber.tenant))
      tracker.reset(clock.nowMs())
      trackers.set(subscriber.tenant, tracker)
    }
    return channel
  }

  const close = (channel: Channel): void => {
    channel.end?.()
    const key = topicKey(channel.tenant, channel.topic)
    const siblings = topics.get(key)
    siblings?.delete(channel.name)
    if (siblings?.size === 0) topics.delete(key)
    if (channel.topic === overviewTopic) trackers.delete(channel.tenant)
  }

  const publish = (tenant: string, topic: string, changes: () => unknown): boolean => {
    const siblings = topics.get(topicKey(tenant, topic))
    if (!siblings) return false
    const body = changes()
    for (const channel of siblings.values()) {
      channel.seq++
      channel.encoded = null
      send(channel, encodeTextFrame(JSON.stringify({ channel: channel.name, seq: channel.seq, changes: body })))
    }
    return true
  }

  const send = (channel: Channel, frame: Buffer): void => {
    framesSent.inc()
    for (const subscriber of channel.subscribers) subscriber.write(frame)
  }

  const snapshotFrame = (channel: Channel): Buffer => {
    const nowMs = clock.nowMs()
    const { encoded } = channel
    if (encoded?.seq === channel.seq && nowMs - encoded.atMs < SNAPSHOT_MAX_AGE_MS) return encoded.frame
    const body = { channel: channel.name, seq: channel.seq, snapshot: channel.snapshot(nowMs) }
    const frame = encodeTextFrame(JSON.stringify(body))
    channel.encoded = { seq: channel.seq, atMs: nowMs, frame }
    return frame
  }

  const attach = (subscriber: Subscriber, name: string): void => {
    // Asking again for a channel is how a client heals a gap: it gets a new snapshot.
    try {
      const channel = subscriber.channels.get(name) ?? open(subscriber, name)
      channel.subscribers.add(subscriber)
      subscriber.channels.set(name, channel)
      subscriber.write(snapshotFrame(channel))
    } catch (error) {
      subscriber.write(errorFrame(name, error))
    }
  }

  const unsubscribe = (subscriber: Subscriber, name: string): void => {
    subscriber.awaited.delete(name)
    const channel = subscriber.channels.get(name)
    if (!channel) return
    subscriber.channels.delete(name)
    channel.subscribers.delete(subscriber)
    if (channel.subscribers.size === 0) close(channel)
  }

  const processChanges = (tenant: string, id: string, more: Partial<ProcessChanges> = {}): ProcessChanges | null => {
    const mine = estate.tenant(tenant)
    const state = mine.processes.get(id)
    if (!state) return null
    const nowMs = clock.nowMs()
    const { metrics, status, active, lastSeen, category, tags, description, drift, driftKpi, reason } = toProcessItem(
      mine,
      state,
      nowMs,
    )
    const minute = minuteOf(nowMs)
    const driftPoint = {
      time: new Date(minute * MINUTE_MS).toISOString(),
      deviation: tidyDeviation(knownPoint(state.drift, minute)),
    }
    const told = { metrics, status, active, lastSeen, category, tags, description, drift, driftKpi, reason }
    return { ...told, driftPoint, ...more }
  }

  const publishChangedProcesses = (nowMs: number): void => {
    for (const siblings of topics.values()) {
      for (const channel of siblings.values()) {
        if (!channel.topic.startsWith('process:')) continue
        const mine = estate.tenant(channel.tenant)
        const state = mine.processes.get(channel.topic.slice('process:'.length))
        if (!state) continue
        const settings = JSON.stringify(state.settings)
        const reason = reasonOf(mine, state)
        const mark = `${processStatusOf(mine, state, nowMs)} ${settings} ${state.endedAtMs} ${reason}`
        const changed = channel.mark !== '' && channel.mark !== mark
        channel.mark = mark
        if (changed) publish(channel.tenant, channel.topic, () => processChanges(channel.tenant, state.id))
      }
    }
  }

  const publishOverview = (tenant: string, tracker: OverviewTracker, alerts: AlertItem[]): void => {
    const changes = tracker.changes(clock.nowMs(), alerts)
    if (changes) publish(tenant, overviewTopic, () => changes)
  }

  const news = createNews((tenant, { alerts, anomalies }) => {
    publish(tenant, alertsTopic, () => ({ alerts, anomalies }))
    for (const id of new Set(anomalies.map((each) => each.processId))) {
      const ofProcess = anomalies.filter((each) => each.processId === id)
      publish(tenant, processTopic(id), () => processChanges(tenant, id, { anomalies: ofProcess }))
    }
    const tracker = trackers.get(tenant)
    if (tracker) publishOverview(tenant, tracker, alerts)
  })

  return {
    subscribe(subscriber, name) {
      if (subscriber.awaited.has(name)) return
      const isOpen = topics.get(topicKey(subscriber.tenant, name))?.has(name) ?? false
      const beginning = isOpen ? null : (deps.prepare?.(name, subscriber.principal) ?? null)
      if (beginning === null) {
        attach(subscriber, name)
        return
      }
      // Who leaves or unsubscribes meanwhile is no longer among the awaited.
      subscriber.awaited.add(name)
      beginning.then(
        () => {
          if (subscriber.awaited.delete(name)) attach(subscriber, name)
        },
        (error: unknown) => {
          if (subscriber.awaited.delete(name)) subscriber.write(errorFrame(name, error))
        },
      )
    },
    unsubscribe,
    leave(subscriber) {
      subscriber.awaited.clear()
      for (const name of [...subscriber.channels.keys()]) unsubscribe(subscriber, name)
    },
    publishHostFrame(tenant, host, timeMs, changes) {
      const { upserts, removed } = changes
      const time = new Date(timeMs).toISOString()
      const sent = publish(tenant, hostTopic(host), () => ({ time, upserts, removed }))
      const nowMs = clock.nowMs()
      if (sent) deps.latency.add(Math.max(0, nowMs - timeMs), nowMs)
    },
    publishKpis(tenant, processes) {
      for (const id of processes) publish(tenant, processTopic(id), () => processChanges(tenant, id))
    },
    publishBaselines(tenant, processes, minuteTimeMs) {
      for (const id of processes) {
        publish(tenant, processTopic(id), () => {
          const drift = estate.tenant(tenant).processes.get(id)?.drift
          if (!drift) return processChanges(tenant, id)
          const deviation = tidyDeviation(knownPoint(drift, minuteOf(minuteTimeMs)))
          const driftPoint = { time: new Date(minuteTimeMs).toISOString(), deviation }
          return processChanges(tenant, id, { normal: normalsOf(drift), driftPoint })
        })
      }
    },
    publishAnomaly: news.anomaly,
    publishAlert: news.alert,
    resetHost(tenant, host) {
      const state = estate.tenant(tenant).hosts.get(host)
      if (!state) return
      for (const channel of topics.get(topicKey(tenant, hostTopic(host)))?.values() ?? []) {
        channel.seq++
        channel.encoded = null
        const body = { channel: channel.name, seq: channel.seq, snapshot: hostSnapshotOf(state) }
        send(channel, encodeTextFrame(JSON.stringify(body)))
      }
    },
    tick() {
      const nowMs = clock.nowMs()
      for (const [tenant, tracker] of trackers) publishOverview(tenant, tracker, [])
      publishChangedProcesses(nowMs)
    },
  }
}

/** How a channel that cannot be had is answered; the connection stays. */
function errorFrame(channel: string, error: unknown): Buffer {
  const problem = problemBody(toProblemError(error))
  return encodeTextFrame(JSON.stringify({ channel, error: problem }))
}
