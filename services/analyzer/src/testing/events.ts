import { create } from '@bufbuild/protobuf'
import {
  EndKind,
  groupMetrics,
  hostMetrics,
  MetricKind,
  ProcessEndsSchema,
  ProcessIdentitiesSchema,
  type SampleColumns,
  type Series,
  SeriesSchema,
  seriesId,
} from '@driftline/proto'
import type { Frame } from '../model/process-table.ts'
import type { HostFacts } from '../model/state.ts'
import type { AnalyzerEvent, Origin } from '../step.ts'

export const START_MS = 1_800_000_000_000

type StartedRow = readonly [pid: number, startMs: number, group: string, parentPid?: number, command?: string]

/** The events of one host, for tests. Times are milliseconds after `START_MS`; the bus stores at once. */
export function hostEvents(name: string, tenant = 'default') {
  const process = `host:${name}`
  const hostKey = `${tenant}/${process}`
  const origin = (storedAtMs: number): Origin => ({ hostKey, tenant, process, storedAtMs: START_MS + storedAtMs })
  const group = (groupName: string): string => `os:${name}:${groupName}`
  const idOf = (of: string, metric: string): bigint => seriesId(tenant, of, metric, '{}')

  const define = (groups: readonly string[]): AnalyzerEvent => {
    const series: Series[] = []
    const add = (of: string, metrics: typeof groupMetrics | typeof hostMetrics): void => {
      for (const { name: metric, unit } of Object.values(metrics)) {
        const fields = { id: idOf(of, metric), tenant, process: of, metric, unit, kind: MetricKind.GAUGE }
        series.push(create(SeriesSchema, { ...fields, attributes: '{}' }))
      }
    }
    add(process, hostMetrics)
    for (const each of groups) add(group(each), groupMetrics)
    return { kind: 'series', hostKey, series }
  }

  /** Values by `<group>.<metric key>`, or `host.<metric key>`. */
  const samples = (
    timeMs: number,
    values: Readonly<Record<string, number>>,
    storedAtMs: number = timeMs,
  ): Extract<AnalyzerEvent, { kind: 'samples' }> => {
    const ids = Object.keys(values).map((key) => {
      const [of = '', metric = ''] = key.split('.')
      if (of === 'host') return idOf(process, hostMetrics[metric as keyof typeof hostMetrics].name)
      return idOf(group(of), groupMetrics[metric as keyof typeof groupMetrics].name)
    })
    return { kind: 'samples', origin: origin(storedAtMs), columns: columnsOf(timeMs, ids, Object.values(values)) }
  }

  const frame = (
    timeMs: number,
    changes: {
      readonly keyFrame?: boolean
      readonly started?: readonly StartedRow[]
      readonly ended?: readonly (readonly [pid: number, startMs: number, kind?: EndKind])[]
      readonly facts?: Partial<HostFacts>
      readonly storedAtMs?: number
    } = {},
  ): Extract<AnalyzerEvent, { kind: 'snapshot' }> => {
    const { started = [], ended = [] } = changes
    const unknown = { logicalCpus: Number.NaN, memoryBytes: Number.NaN, bootTimeMs: Number.NaN }
    const value: Frame = {
      timeMs: START_MS + timeMs,
      keyFrame: changes.keyFrame ?? false,
      strings: ['', ...started.map(([, , of]) => group(of)), ...started.map(([, , , , command]) => command ?? '')],
      started: create(ProcessIdentitiesSchema, {
        pid: started.map(([pid]) => pid),
        startTimeMs: started.map(([, startMs]) => BigInt(START_MS + startMs)),
        group: started.map((_, index) => index + 1),
        parentPid: started.map(([, , , parentPid]) => parentPid ?? 1),
        command: started.map((_, index) => started.length + index + 1),
      }),
      ended: create(ProcessEndsSchema, {
        pid: ended.map(([pid]) => pid),
        startTimeMs: ended.map(([, startMs]) => BigInt(START_MS + startMs)),
        kind: ended.map(([, , kind]) => kind ?? EndKind.UNSPECIFIED),
      }),
    }
    const facts = changes.facts === undefined ? null : { ...unknown, ...changes.facts }
    return { kind: 'snapshot', origin: origin(changes.storedAtMs ?? timeMs), frame: value, facts }
  }
  return { hostKey, process, group, define, samples, frame }
}

function columnsOf(timeMs: number, ids: readonly bigint[], values: readonly number[]): SampleColumns {
  return {
    baseTimeMs: BigInt(START_MS + timeMs),
    count: ids.length,
    seriesPairs: new Uint32Array(BigUint64Array.from(ids).buffer),
    timeOffsetMs: new Int32Array(ids.length),
    value: Float64Array.from(values),
  }
}

export const tick = (storedAtMs: number): AnalyzerEvent => ({ kind: 'tick', storedAtMs: START_MS + storedAtMs })

/** A device with one series of each kind, for tests; it stands for itself. Times as above. */
export function deviceEvents(name: string, tenant = 'default') {
  const process = `device:plant:${name}`
  const hostKey = `${tenant}/${process}`
  const kinds = { level: MetricKind.GAUGE, counted: MetricKind.DELTA, total: MetricKind.CUMULATIVE } as const
  const attributes = '{"zone":"a"}'
  const idOf = (metric: string): bigint => seriesId(tenant, process, metric, attributes)
  const series = Object.entries(kinds).map(([metric, kind]) =>
    create(SeriesSchema, { id: idOf(metric), tenant, process, metric, unit: 'Cel', kind, attributes }),
  )
  const definition: AnalyzerEvent = { kind: 'series', hostKey, series }
  const samples = (
    timeMs: number,
    values: Partial<Record<keyof typeof kinds, number>>,
    storedAtMs: number = timeMs,
  ): Extract<AnalyzerEvent, { kind: 'samples' }> => ({
    kind: 'samples',
    origin: { hostKey, tenant, process, storedAtMs: START_MS + storedAtMs },
    columns: columnsOf(timeMs, Object.keys(values).map(idOf), Object.values(values)),
  })
  return { hostKey, process, definition, samples }
}
