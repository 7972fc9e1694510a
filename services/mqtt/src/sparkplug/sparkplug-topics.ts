/** What a message tells of a node or one of its devices. */
export type MessageType = 'NBIRTH' | 'NDEATH' | 'NDATA' | 'NCMD' | 'DBIRTH' | 'DDEATH' | 'DDATA' | 'DCMD'

/** A topic `spBv1.0/<group>/<type>/<edge>[/<device>]`. */
export interface SparkplugTopic {
  readonly group: string
  readonly type: MessageType
  readonly edge: string
  /** Null for messages of the node itself. */
  readonly device: string | null
}

export const NAMESPACE = 'spBv1.0'

const types: readonly string[] = ['NBIRTH', 'NDEATH', 'NDATA', 'NCMD', 'DBIRTH', 'DDEATH', 'DDATA', 'DCMD']

/** Whether a topic belongs to Sparkplug, well-formed or not. */
export const isSparkplugTopic = (topic: string): boolean => topic.startsWith(`${NAMESPACE}/`)

/** Reads a topic of nodes and devices; null when it is none. */
export function parseSparkplugTopic(topic: string): SparkplugTopic | null {
  const [namespace, group, type, edge, device, ...more] = topic.split('/')
  if (namespace !== NAMESPACE || more.length > 0 || !group || !edge || device === '') return null
  if (type === undefined || !types.includes(type)) return null
  // Messages of devices name one, and those of nodes do not (specification 3.0, 4.1.2).
  if (type.startsWith('D') !== (device !== undefined)) return null
  return { group, type: type as MessageType, edge, device: device ?? null }
}

/** Where commands to a node go. */
export const commandTopic = (group: string, edge: string): string => `${NAMESPACE}/${group}/NCMD/${edge}`

/** What to subscribe to: all groups, or those that are followed, and the state of our own host. */
export const sparkplugFilters = (groups: readonly string[], hostId: string | null): string[] => [
  ...(groups.length === 0 ? [`${NAMESPACE}/#`] : groups.map((group) => `${NAMESPACE}/${group}/#`)),
  ...(hostId !== null && groups.length > 0 ? [stateTopic(hostId)] : []),
]

export const stateTopic = (hostId: string): string => `${NAMESPACE}/STATE/${hostId}`
