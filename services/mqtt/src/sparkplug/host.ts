import type { TimeBounds } from '../mapping/mapper.ts'
import type { MappingPlan } from '../mapping/mapping-plan.ts'
import { addSample, clearReading, createReading, type Reading, refuseReading, skipReading } from '../mapping/reading.ts'
import { createTopicMatcher } from '../mapping/topic-matcher.ts'
import { readBirth, readData } from './certificates.ts'
import { numberOf } from './datatypes.ts'
import { createEntity, describeEntity, type Entity, type EntityMapping } from './entity.ts'
import type { Outgoing } from './host-state.ts'
import { beginSession, createNode, endSession, followSequence, judgeBirth, type Node } from './node.ts'
import { createRebirths } from './rebirths.ts'
import { NAMESPACE, parseSparkplugTopic, type SparkplugTopic } from './sparkplug-topics.ts'
import { createWireReader, type WirePayload } from './wire-reader.ts'

export interface SparkplugConfig {
  /** Groups that are followed; all when empty. */
  readonly groups: readonly string[]
  /** Mappings with payload `sparkplug`, and their numbers among all mappings of the source. */
  readonly plans: readonly { readonly index: number; readonly plan: MappingPlan }[]
  readonly bounds: TimeBounds
  readonly limits?: Partial<SparkplugLimits>
}

/** Bounds on what is remembered. What finds no room is refused with its own reason. */
export interface SparkplugLimits {
  readonly nodesMax: number
  readonly devicesOfNodeMax: number
  /** Over all nodes and devices: some 500 bytes each. */
  readonly metricsMax: number
}

const defaultLimits: SparkplugLimits = { nodesMax: 10_000, devicesOfNodeMax: 2_000, metricsMax: 500_000 }

/** Births are long; this bounds what one message can make us read. */
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
/** A device that is not born again this long after its node, or our reconnection, counts as dead. */
const BIRTH_WAIT_MS = 60_000

/** The receiving side of Sparkplug B: sessions of edge nodes, and what their messages say. */
export interface SparkplugHost {
  /** What a message under `spBv1.0/` says. Never throws. The answer is valid until the next call of any method. */
  read(topic: string, payload: Buffer, nowMs: number, isRetained: boolean): Reading
  /** Time passes, once a second or so: devices that were not born again in time are told to be down. */
  tick(nowMs: number): Reading
  /** The connection to the broker was lost or made anew: what nodes sent meanwhile is not known. */
  disconnected(): void
  connected(nowMs: number): void
  /** Requests of rebirth to publish. */
  take(): Outgoing[]
  /** Nodes and devices by what is known of them, for the status of the source. */
  counts(): { readonly nodes: number; readonly online: number; readonly devices: number; readonly metrics: number }
}

const NAMES_TOO_LONG = 'the names of group, node and device are too long for the id of a process'

interface Message {
  readonly topic: SparkplugTopic
  /** The topic as it came. */
  readonly name: string
  readonly payload: WirePayload
  readonly bytes: Buffer
  readonly nowMs: number
}

export function createSparkplugHost(config: SparkplugConfig): SparkplugHost {
  const limits = { ...defaultLimits, ...config.limits }
  const groups = new Set(config.groups)
  const match = createTopicMatcher(config.plans.map(({ plan }) => plan.template))
  const decode = createWireReader()
  const rebirths = createRebirths()
  const nodes = new Map<string, Node>()
  const reading = createReading()
  let metrics = 0

  const mappingOf = (topic: string): EntityMapping | null => {
    const found = match(topic)
    return found && { ...config.plans[found.index]!, values: found.values }
  }
  /** Makes room by forgetting the node that has been dead the longest. */
  const makeRoom = (): boolean => {
    if (nodes.size < limits.nodesMax) return true
    let oldest: [string, Node] | null = null
    for (const entry of nodes) {
      if (entry[1].state === 'offline' && (oldest === null || entry[1].lastMs < oldest[1].lastMs)) oldest = entry
    }
    if (oldest === null) return false
    metrics -= entitiesOf(oldest[1]).reduce((sum, entity) => sum + entity.metrics.size, 0)
    nodes.delete(oldest[0])
    return true
  }
  const describe = (entity: Entity, { payload, bytes, nowMs }: Message): Reading => {
    const before = entity.metrics.size
    const faults = describeEntity(entity, payload, bytes, limits.metricsMax - metrics + before)
    metrics += entity.metrics.size - before
    entity.isBorn = true
    entity.isUp = true
    entity.awaitingSinceMs = Number.NaN
    addSample(reading, entity.up, 1, nowMs)
    readBirth(reading, entity, payload, faults, { nowMs, bounds: config.bounds })
    return reading
  }

  const readNodeBirth = (message: Message): Reading => {
    const { topic, payload, nowMs } = message
    let node = nodes.get(keyOf(topic))
    if (!node) {
      const entity = createEntity([topic.group, topic.edge], mappingOf(message.name))
      if (entity === null) return refuseReading(reading, 'process_invalid', NAMES_TOO_LONG)
      if (!makeRoom())
        return refuseReading(reading, 'sparkplug_nodes_too_many', `more than ${limits.nodesMax} edge nodes`)
      node = createNode(topic.group, topic.edge, entity)
      nodes.set(keyOf(topic), node)
    }
    const seq = Math.max(payload.seq, 0)
    if (seq > 255) return refuseReading(reading, 'sparkplug_seq_out_of_range', `sequence number ${seq}`)
    const bdSeq = bdSeqOf(payload)
    const verdict = judgeBirth(node, payload.timestampMs, bdSeq)
    node.lastMs = nowMs
    reading.process = node.entity.process
    if (verdict === 'repeated') return skipReading(reading, 'sparkplug_repeated')
    if (verdict === 'doubtful') {
      rebirths.request(topic.group, topic.edge, nowMs)
      return skipReading(reading, 'sparkplug_birth_of_other_session')
    }
    beginSession(node, seq, payload.timestampMs, bdSeq, nowMs)
    rebirths.settled(topic.group, topic.edge, nowMs)
    return describe(node.entity, message)
  }

  const readNodeDeath = ({ topic, payload, nowMs }: Message): Reading => {
    const node = nodes.get(keyOf(topic))
    if (!node) return skipReading(reading, 'sparkplug_before_birth')
    reading.process = node.entity.process
    const bdSeq = bdSeqOf(payload)
    // A will that comes late belongs to a session before the present one (specification 3.0, 5.6).
    const isOther = node.state === 'offline' || bdSeq !== node.bdSeq
    if (isOther) return skipReading(reading, 'sparkplug_death_of_other_session')
    endSession(node, bdSeq, nowMs)
    // The time in a will is that of the connection; the death is now.
    for (const entity of entitiesOf(node)) bury(entity, nowMs)
    return reading
  }

  const bury = (entity: Entity, timeMs: number): void => {
    entity.isBorn = false
    entity.awaitingSinceMs = Number.NaN
    if (!entity.isUp) return
    entity.isUp = false
    addSample(reading, entity.up, 0, timeMs)
  }

  const readDeviceBirth = (node: Node, known: Entity | undefined, message: Message): Reading => {
    const { topic } = message
    if (!known && node.devices.size >= limits.devicesOfNodeMax) {
      const detail = `more than ${limits.devicesOfNodeMax} devices of a node`
      return refuseReading(reading, 'sparkplug_devices_too_many', detail)
    }
    const device = known ?? createEntity([topic.group, topic.edge, topic.device!], mappingOf(message.name))
    if (device === null) return refuseReading(reading, 'process_invalid', NAMES_TOO_LONG)
    node.devices.set(topic.device!, device)
    reading.process = device.process
    return describe(device, message)
  }

  const readEntityData = (node: Node, entity: Entity, { payload, nowMs }: Message): Reading => {
    const fault = readData(reading, entity, payload, { nowMs, bounds: config.bounds })
    if (fault === null) return reading
    // What contradicts the birth shows that another birth was missed, with aliases of its own.
    node.state = 'stale'
    rebirths.request(node.group, node.edge, nowMs)
    return refuseReading(reading, fault.reason, fault.detail)
  }

  /** Everything after a node's birth is understood in its order only. */
  const readInSequence = (message: Message): Reading => {
    const { topic, payload, nowMs } = message
    const node = nodes.get(keyOf(topic))
    const entity = topic.device === null ? node?.entity : node?.devices.get(topic.device)
    reading.process = entity?.process ?? ''
    const verdict = node ? followSequence(node, payload.seq, payload.timestampMs) : 'unborn'
    if (node) node.lastMs = nowMs
    if (verdict === 'repeated') return skipReading(reading, 'sparkplug_repeated')
    if (verdict === 'other session') return skipReading(reading, 'sparkplug_data_of_other_session')
    if (node && verdict === 'next') {
      if (topic.type === 'DBIRTH') return readDeviceBirth(node, entity, message)
      if (topic.type === 'DDEATH') {
        if (entity) bury(entity, nowMs)
        return reading
      }
      if (entity?.isBorn) return readEntityData(node, entity, message)
    }
    rebirths.request(topic.group, topic.edge, nowMs)
    return skipReading(reading, verdict === 'gap' ? 'sparkplug_sequence_gap' : 'sparkplug_before_birth')
  }

  /** A birth must not be retained: one that is may be of a node that is long dead, so it is asked for anew. */
  const readRetained = (topic: SparkplugTopic, nowMs: number): Reading => {
    const isBirth = topic.type === 'NBIRTH' || topic.type === 'DBIRTH'
    if (isBirth && nodes.get(keyOf(topic))?.state !== 'online') rebirths.request(topic.group, topic.edge, nowMs)
    return skipReading(reading, 'retained')
  }

  const readMessage = (topic: SparkplugTopic, name: string, bytes: Buffer, nowMs: number): Reading => {
    if (bytes.length > PAYLOAD_BYTES_MAX) {
      return refuseReading(reading, 'payload_too_large', `${bytes.length} bytes exceed ${PAYLOAD_BYTES_MAX}`)
    }
    const payload = decode(bytes)
    if (payload === null) {
      return refuseReading(reading, 'payload_not_sparkplug', 'the payload is not Sparkplug B, or is cut short')
    }
    const message = { topic, name, payload, bytes, nowMs }
    if (topic.type === 'NBIRTH') return readNodeBirth(message)
    return topic.type === 'NDEATH' ? readNodeDeath(message) : readInSequence(message)
  }

  const read = (name: string, bytes: Buffer, nowMs: number, isRetained: boolean): Reading => {
    clearReading(reading, nowMs)
    if (name.startsWith(`${NAMESPACE}/STATE/`)) return skipReading(reading, 'sparkplug_state')
    const topic = parseSparkplugTopic(name)
    if (topic === null) {
      return refuseReading(reading, 'sparkplug_topic_invalid', 'not spBv1.0/<group>/<type>/<edge>[/<device>]')
    }
    if (groups.size > 0 && !groups.has(topic.group)) return skipReading(reading, 'sparkplug_group_not_followed')
    if (topic.type === 'NCMD' || topic.type === 'DCMD') return skipReading(reading, 'sparkplug_command')
    if (bytes.length === 0) return skipReading(reading, 'payload_empty')
    return isRetained ? readRetained(topic, nowMs) : readMessage(topic, name, bytes, nowMs)
  }

  return {
    read,
    tick(nowMs) {
      clearReading(reading, nowMs)
      rebirths.due(nowMs)
      for (const node of nodes.values()) {
        for (const entity of entitiesOf(node)) {
          if (nowMs - entity.awaitingSinceMs >= BIRTH_WAIT_MS) bury(entity, nowMs)
        }
      }
      return reading
    },
    disconnected() {
      for (const node of nodes.values()) if (node.state === 'online') node.state = 'stale'
    },
    connected(nowMs) {
      for (const node of nodes.values()) {
        if (node.state !== 'stale') continue
        rebirths.request(node.group, node.edge, nowMs)
        for (const entity of entitiesOf(node)) if (entity.isUp) entity.awaitingSinceMs = nowMs
      }
    },
    take: () => rebirths.take(),
    counts() {
      let online = 0
      let devices = 0
      for (const node of nodes.values()) {
        if (node.state === 'online') online += 1
        devices += node.devices.size
      }
      return { nodes: nodes.size, online, devices, metrics }
    },
  }
}

const entitiesOf = (node: Node): Entity[] => [node.entity, ...node.devices.values()]

const keyOf = (topic: SparkplugTopic): string => `${topic.group}/${topic.edge}`

/** The number of the session that a birth or death belongs to; -1 for none. */
function bdSeqOf(payload: WirePayload): number {
  for (let i = 0; i < payload.count; i++) {
    const { name, datatype, kind, low, high, real } = payload.metrics[i]!
    if (name === 'bdSeq') return numberOf(Math.max(datatype, 0), kind, low, high, real) ?? -1
  }
  return -1
}
