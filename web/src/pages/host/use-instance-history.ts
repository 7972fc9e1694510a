import { onScopeDispose, type Ref, shallowRef, watch } from 'vue'
import { api } from '../../api/client.ts'
import type { HostChanges, HostSnapshot } from '../../api/types.ts'
import { type ChartSeries, emptySeries } from '../../charts/series.ts'
import { useTime } from '../../state/time.ts'
import { createProcessTable, type ProcessNode } from '../../tree/process-table.ts'
import type { HostTable } from './use-host-table.ts'

/** Answer of `/hosts/{host}/frames`: the table at the start, then every frame as the live channel sends them. */
interface FramesAnswer {
  readonly snapshot: HostSnapshot
  readonly changes: readonly HostChanges[]
}

const spanMs = 300_000

/**
 * CPU and RSS of one instance over the last five minutes before the moment shown: from the recorded frames, then
 * from the live table. Without the recording it starts when the instance is opened.
 */
export function useInstanceHistory(host: Ref<string>, instance: Ref<ProcessNode | null>, live: HostTable) {
  const time = useTime()
  const cpu = shallowRef<ChartSeries>(emptySeries(1000))
  const rss = shallowRef<ChartSeries>(emptySeries(1000))
  const version = shallowRef(0)
  let asked: AbortController | null = null

  function add(atMs: number, node: ProcessNode): void {
    for (const [line, value] of [
      [cpu.value, node.cpu],
      [rss.value, node.rssBytes],
    ] as const) {
      if (value === null || atMs <= (line.times.at(-1) ?? 0)) continue
      line.times.push(atMs)
      line.values.push(value)
      while (line.times.length > 0 && line.times[0]! < atMs - spanMs) {
        line.times.shift()
        line.values.shift()
      }
    }
  }

  /** Replays recorded frames; the instance's own value holds from frame to frame until it changes. */
  function replay(answer: FramesAnswer, key: string): void {
    const table = createProcessTable()
    const step = (live.facts.value?.intervalSeconds ?? 1) * 1000
    cpu.value = emptySeries(step)
    rss.value = emptySeries(step)
    table.applySnapshot(answer.snapshot.rows)
    const note = (at: string | null) => {
      const node = table.byKey(key)
      if (node && !node.ended && at !== null) add(Date.parse(at), node)
    }
    note(answer.snapshot.time)
    for (const change of answer.changes) {
      table.applyChanges(change)
      note(change.time)
    }
    version.value += 1
  }

  async function fetchFrames(node: ProcessNode): Promise<void> {
    asked?.abort()
    const mine = new AbortController()
    asked = mine
    const to = time.toMs
    try {
      const answer = await api.get<FramesAnswer>(`/hosts/${encodeURIComponent(host.value)}/frames`, {
        query: { from: new Date(to - spanMs).toISOString(), to: new Date(to).toISOString() },
        signal: mine.signal,
      })
      if (!mine.signal.aborted && instance.value?.key === node.key) replay(answer, node.key)
    } catch {
      // A server without recorded frames for this stretch: the charts fill from now on and say so by being empty before.
    }
  }

  watch(
    [() => instance.value?.key, () => time.atMs],
    () => {
      const step = (live.facts.value?.intervalSeconds ?? 1) * 1000
      cpu.value = emptySeries(step)
      rss.value = emptySeries(step)
      version.value += 1
      if (instance.value) void fetchFrames(instance.value)
    },
    { immediate: true },
  )
  watch(live.frame, () => {
    const node = instance.value
    if (!node || node.ended || !time.isLive || live.frameMs.value === null) return
    add(live.frameMs.value, node)
    version.value += 1
  })
  onScopeDispose(() => asked?.abort())

  return { cpu, rss, version, spanMs }
}
