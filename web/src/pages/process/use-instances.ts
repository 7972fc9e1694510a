import { computed, onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../../api/client.ts'
import type { HostTable as HostTableAnswer } from '../../api/types.ts'
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
  /** Null when it is alive; else the last sampled moment at which it was. */
  readonly lastSeenMs: number | null
  readonly cpu: number | null
  readonly rssBytes: number | null
  /** Bytes per hour over the sampled part of its life; null when that is too short to tell. */
  readonly growthPerHour: number | null
  readonly rss: ChartSeries
}

/** The table is looked at this many times over the range; an instance that lived between two looks is not seen. */
const looks = 9
const HOUR = 3_600_000

interface Look {
  readonly atMs: number
  readonly rows: readonly {
    key: string
    pid: number
    startMs: number
    command: string
    cpu: number | null
    rssBytes: number | null
  }[]
}

/**
 * Instances of a group: those in the host's table now (or at the moment rewound to), and those that earlier looks
 * at the table over the page's range found. Growth and sparkline come from the same looks.
 */
export function useInstances(group: Ref<string>, host: Ref<string | null>, table: HostTable) {
  const time = useTime()
  const past = shallowRef<readonly Look[]>([])
  const loaded = shallowRef(false)

  async function look(at: number, signal: AbortSignal): Promise<Look | null> {
    const answer = await api.get<HostTableAnswer>(`/hosts/${encodeURIComponent(host.value ?? '')}/processes`, {
      query: { at: new Date(at).toISOString() },
      signal,
    })
    if (answer.time === null) return null
    const rows = answer.items
      .filter((row) => row.group === group.value)
      .map((row) => {
        const startMs = Date.parse(row.startTime)
        return {
          key: instanceKey(row.pid, startMs),
          pid: row.pid,
          startMs,
          command: row.command,
          cpu: row.cpu,
          rssBytes: row.rssBytes,
        }
      })
    return { atMs: at, rows }
  }

  const latest = createLatest<{ from: number; to: number }>(async ({ from, to }, signal) => {
    const found: Look[] = []
    try {
      // One after the other: a page must not ask for nine whole tables at once.
      for (let i = 0; i < looks; i++) {
        const one = await look(from + ((to - from) * i) / (looks - 1), signal)
        if (signal.aborted) return
        if (one) found.push(one)
        past.value = [...found]
      }
    } catch {
      // What was found so far stays; live instances are shown all the same.
    }
    loaded.value = true
  })

  watch(
    [group, host, () => time.rangeMs, () => time.atMs],
    () => {
      past.value = []
      loaded.value = false
      if (host.value !== null) latest.want({ from: time.fromMs, to: time.toMs })
    },
    { immediate: true },
  )
  onScopeDispose(() => latest.cancel())

  const instances = computed<Instance[]>(() => {
    void table.frame.value
    const found = new Map<string, Instance>()
    for (const one of past.value) {
      for (const row of one.rows) {
        const rss = found.get(row.key)?.rss ?? emptySeries(time.rangeMs / (looks - 1))
        if (row.rssBytes !== null) {
          rss.times.push(one.atMs)
          rss.values.push(row.rssBytes)
        }
        found.set(row.key, { ...row, lastSeenMs: one.atMs, growthPerHour: null, rss })
      }
    }
    for (const node of table.table.nodes()) {
      if (node.group !== group.value || node.ended) continue
      found.set(node.key, alive(node, found.get(node.key)?.rss ?? emptySeries(time.rangeMs / (looks - 1)), time.toMs))
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

function alive(node: ProcessNode, rss: ChartSeries, nowMs: number): Instance {
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

/** Slope of the line through the looks, bytes per hour; null for less than two minutes or three looks. */
export function growthOf(rss: ChartSeries): number | null {
  const { times, values } = rss
  const n = times.length
  if (n < 3 || times[n - 1]! - times[0]! < 120_000) return null
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
