import { datatypes } from '../sparkplug/datatypes.ts'
import { type MetricToWrite, writePayload } from '../sparkplug/wire-writer.ts'

/** A metric of a simulated node or device. */
export interface SimulatedMetric {
  readonly name: string
  readonly datatype: number
  readonly unit?: string
  value: number | bigint | boolean | string | null
}

/** A message that the node publishes, or its will. Births and data go out with QoS 0, wills with QoS 1. */
export interface NodeMessage {
  readonly topic: string
  readonly payload: Buffer
}

export interface EdgeNodeOptions {
  readonly group: string
  readonly edge: string
  readonly metrics: readonly SimulatedMetric[]
  readonly devices?: Readonly<Record<string, readonly SimulatedMetric[]>>
  /** Data names metrics by alias alone, as real nodes do to save bytes. True when left out. */
  readonly useAliases?: boolean
}

/** An edge node as Sparkplug B 3.0 describes it, without a connection: it makes messages and reads commands. */
export interface EdgeNode {
  /** Begins a session: answers the will to connect with. */
  connect(nowMs: number): NodeMessage
  /** The births of the node and its devices; after `connect`, and whenever a rebirth is asked for. */
  births(nowMs: number): NodeMessage[]
  /** New values of some metrics, of the node itself (`null`) or a device, sent now and measured then. */
  data(
    device: string | null,
    values: Readonly<Record<string, SimulatedMetric['value']>>,
    nowMs: number,
    measured?: { readonly atMs: number; readonly isHistorical: boolean },
  ): NodeMessage
  deviceDeath(device: string, nowMs: number): NodeMessage
  /** What the broker publishes when the connection is lost: the will. */
  death(): NodeMessage
  /** What the node publishes on a command: its births for `Node Control/Rebirth`, else nothing. */
  answer(topic: string, payload: Buffer, nowMs: number): NodeMessage[]
  /** Topic of the node's commands. */
  readonly commands: string
  /** Names of its metrics by alias, as the last births gave them; for tests that check what a sample was called. */
  readonly nameOf: (device: string | null, alias: number) => string | undefined
}

export function createEdgeNode(options: EdgeNodeOptions): EdgeNode {
  const { group, edge } = options
  const devices = new Map(Object.entries(options.devices ?? {}))
  const aliases = new Map<string, number>()
  const names = new Map<string, string>()
  const useAliases = options.useAliases ?? true
  let bdSeq = -1
  let seq = 0
  let session = 0
  let will: NodeMessage | null = null

  const topic = (type: string, device?: string): string =>
    ['spBv1.0', group, type, edge, ...(device === undefined ? [] : [device])].join('/')
  const next = (): number => {
    const own = seq
    seq = (seq + 1) % 256
    return own
  }
  const metricsOf = (device: string | null): readonly SimulatedMetric[] =>
    device === null ? options.metrics : (devices.get(device) ?? [])

  /** Each session gives aliases in another order: whoever keeps those of the last one calls values by wrong names. */
  const giveAliases = (): void => {
    session += 1
    aliases.clear()
    names.clear()
    const all = [null, ...devices.keys()].flatMap((device) => metricsOf(device).map(({ name }) => ({ device, name })))
    for (const [i, { device, name }] of all.entries()) {
      const alias = (i + session) % all.length
      aliases.set(`${device}\0${name}`, alias)
      names.set(`${device}\0${alias}`, name)
    }
  }
  const written = (device: string | null, metric: SimulatedMetric, timestampMs: number): MetricToWrite => ({
    name: metric.name,
    ...(useAliases ? { alias: aliases.get(`${device}\0${metric.name}`)! } : {}),
    timestampMs,
    datatype: metric.datatype,
    value: metric.value,
    ...(metric.unit === undefined ? {} : { properties: { engUnit: metric.unit } }),
  })
  const bdSeqMetric = (): MetricToWrite => ({ name: 'bdSeq', datatype: datatypes.uint64, value: bdSeq })

  const births = (nowMs: number): NodeMessage[] => {
    seq = 0
    const control = { name: 'Node Control/Rebirth', datatype: datatypes.boolean, value: false, timestampMs: nowMs }
    const own = [bdSeqMetric(), control, ...options.metrics.map((metric) => written(null, metric, nowMs))]
    const message = (type: string, metrics: MetricToWrite[], device?: string): NodeMessage => ({
      topic: topic(type, device),
      payload: writePayload({ timestampMs: nowMs, seq: next(), metrics }),
    })
    return [
      message('NBIRTH', own),
      ...[...devices].map(([device, metrics]) =>
        message(
          'DBIRTH',
          metrics.map((metric) => written(device, metric, nowMs)),
          device,
        ),
      ),
    ]
  }
  return {
    connect(nowMs) {
      bdSeq = (bdSeq + 1) % 256
      giveAliases()
      will = { topic: topic('NDEATH'), payload: writePayload({ timestampMs: nowMs, metrics: [bdSeqMetric()] }) }
      return will
    },
    births,
    data(device, values, nowMs, measured = { atMs: nowMs, isHistorical: false }) {
      const metrics = metricsOf(device)
        .filter(({ name }) => Object.hasOwn(values, name))
        .map((metric) => {
          metric.value = values[metric.name]!
          const { name, alias, datatype, value } = written(device, metric, nowMs) as Required<MetricToWrite>
          return {
            ...(useAliases ? { alias } : { name }),
            datatype,
            hidesDatatype: true,
            value,
            timestampMs: measured.atMs,
            isHistorical: measured.isHistorical,
          }
        })
      const type = device === null ? 'NDATA' : 'DDATA'
      return {
        topic: topic(type, device ?? undefined),
        payload: writePayload({ timestampMs: nowMs, seq: next(), metrics }),
      }
    },
    deviceDeath: (device, nowMs) => ({
      topic: topic('DDEATH', device),
      payload: writePayload({ timestampMs: nowMs, seq: next() }),
    }),
    death() {
      if (will === null) throw new Error('the node is not connected')
      return will
    },
    answer: (name, payload, nowMs) =>
      name === topic('NCMD') && payload.includes('Node Control/Rebirth') ? births(nowMs) : [],
    commands: topic('NCMD'),
    nameOf: (device, alias) => names.get(`${device}\0${alias}`),
  }
}
