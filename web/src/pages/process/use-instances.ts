import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../../api/client.ts'
import type { ProcessRow } from '../../api/types.ts'
import { createLatest } from '../../charts/latest.ts'
import { type ChartSeries, emptySeries } from '../../charts/series.ts'
import { useTime } from '../../state/time.ts'
import { instanceKey, type ProcessNode } from '../../tree/process-table.ts'
import type { HostTable } from '../host/use-host-table.ts'

/** One instance of a group within the range, alive or ended. */
export interface Instance {
  readonly key: string
  readonly pid: number
  readonly startMs: number
  readonly command: string
  /** Null when it is alive; else when it was gone. */
  readonly lastSeenMs: number | null
  readonly cpu: number | null
  readonly rssBytes: number | null
  /** Bytes per hour over the sampled part of its life; null when that is too short to tell. */
  readonly growthPerHour: number | null
  readonly rss: ChartSeries
}

const HOUR = 3_600_000
/** A trend of this many points is as wide as its place. */
const pointsMax = 60

/** Answer of `/processes/{id}/instances` for a range: each as it was last seen in it. */
interface InstancesAnswer {
  readonly items: readonly (ProcessRow & { readonly endTime: string | null; readonly rssTrend: (number | null)[] })[]
  readonly from: string
  readonly to: string
  /** Seconds. */
  readonly step: number
}

/**
 * Instances of a group that lived in the page's range, with their memory over it; those that live now (or at the
 * moment rewound to) as the host's table says.
 */
export function useInstances(group: Ref<string>, host: Ref<string | null>, table: HostTable) {
  const time = useTime()
  const past = shallowRef<InstancesAnswer | null>(null)
  const loaded = shallowRef(false)

  const latest = createLatest<{ id: string; from: number; to: number }>(async ({ id, from, to }, signal) => {
    const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit: 1000 }
    try {
      const answer = await api.get<InstancesAnswer>(`/processes/${encodeURIComponent(id)}/instances`, { query, signal })
      if (!signal.aborted) past.value = answer
    } catch {
      // What was found before stays; live instances are shown all the same.
    }
    if (!signal.aborted) loaded.value = true
  })

  watch(
    [group, host, () => time.rangeMs, () => time.atMs],
    () => {
      past.value = null
      loaded.value = false
      if (host.value !== null) latest.want({ id: group.value, from: time.fromMs, to: time.toMs })
    },
    { immediate: true },
  )
  onScopeDispose(() => latest.cancel())

  const instances = computed<Instance[]>(() => {
    void table.frame.value
    const found = new Map<string, Instance>()
    for (const one of past.value?.items ?? []) {
      const instance = fromAnswer(one, past.value!)
      found.set(instance.key, instance)
    }
    const empty = emptySeries(time.rangeMs / pointsMax)
    for (const node of table.table.nodes()) {
      if (node.group !== group.value || node.ended) continue
      found.set(node.key, alive(node, found.get(node.key)?.rss ?? empty, time.toMs))
    }
    const list = [...found.values()].map((one) => ({ ...one, growthPerHour: growthOf(one.rss) }))
    return list.sort(
      (a, b) =>
        Number(a.lastSeenMs !== null) - Number(b.lastSeenMs !== null) ||
        (b.rssBytes ?? 0) - (a.rssBytes ?? 0) ||
        a.pid - b.pid,
    )
  })

  return { instances, loaded }
}

function fromAnswer(one: InstancesAnswer['items'][number], answer: InstancesAnswer): Instance {
  const startMs = Date.parse(one.startTime)
  const rss = emptySeries(answer.step * 1000)
  for (const [i, value] of one.rssTrend.entries()) {
    if (value === null) continue
    rss.times.push(Date.parse(answer.from) + i * answer.step * 1000)
    rss.values.push(value)
  }
  return {
    key: instanceKey(one.pid, startMs),
    pid: one.pid,
    startMs,
    command: one.command,
    // What lived when the server answered and is not in the table any more has ended since.
    lastSeenMs: Date.parse(one.endTime ?? answer.to),
    cpu: one.cpu,
    rssBytes: one.rssBytes,
    growthPerHour: null,
    rss,
  }
}

function alive(node: ProcessNode, before: ChartSeries, nowMs: number): Instance {
  const rss = { ...before, times: [...before.times], values: [...before.values] }
  if (node.rssBytes !== null && nowMs > (rss.times.at(-1) ?? 0)) {
    rss.times.push(nowMs)
    rss.values.push(node.rssBytes)
  }
  return {
    key: node.key,
    pid: node.pid,
    startMs: node.startMs,
    command: node.command,
    lastSeenMs: null,
    cpu: node.cpu,
    rssBytes: node.rssBytes,
    growthPerHour: null,
    rss,
  }
}

/** Less than this scaled to an hour would promise what nobody measured. */
const growthMinMs = 15 * 60_000

/** Slope of the line through the points, bytes per hour; null for less than a quarter of an hour or three points. */
export function growthOf(rss: ChartSeries): number | null {
  const { times, values } = rss
  const n = times.length
  if (n < 3 || times[n - 1]! - times[0]! < growthMinMs) return null
  const meanTime = times.reduce((a, b) => a + b, 0) / n
  const meanValue = values.reduce((a, b) => a + b, 0) / n
  let above = 0
  let below = 0
  for (let i = 0; i < n; i++) {
    above += (times[i]! - meanTime) * (values[i]! - meanValue)
    below += (times[i]! - meanTime) ** 2
  }
  return below > 0 ? (above / below) * HOUR : null
}
