import type { MqttMapping, UnmappedTopic } from '../../api/source-types.ts'
import { emptyMapping } from './defaults.ts'

/** Last levels that say that a message has many values, and which of them none. */
const general = /^(telemetry|data|state|status|values?|measurements?|readings?|sensors?|events?|json|up|attributes)$/i

/** Names of levels as a template would have them: the machine before the last, its site in front. */
export function templateOf(topic: string): Pick<MqttMapping, 'topic' | 'process' | 'metric'> {
  const levels = topic.split('/')
  const isGeneral = general.test(levels.at(-1) ?? '')
  const machine = levels.length - 2
  if (levels.length < 2 || machine < 0) return { topic, process: 'device:{name}'.replace('{name}', nameOf(topic)) }
  const site = levels.length >= 4 ? 1 : machine > 0 ? 0 : -1
  const shown = levels.map((level, i) =>
    i === machine ? '{machine}' : i === site ? '{site}' : i === levels.length - 1 && !isGeneral ? '{metric}' : level,
  )
  return {
    topic: shown.join('/'),
    process: site < 0 ? 'device:{machine}' : 'device:{site}:{machine}',
    ...(isGeneral ? {} : { metric: '{metric}' }),
  }
}

const nameOf = (topic: string): string => topic.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '') || 'machine'

/** The mapping that stands in the form after the first click: what the service proposes, else one by the names of the topic. */
export function proposeMapping(topic: UnmappedTopic): MqttMapping {
  const proposed = topic.proposal as Partial<MqttMapping> | null
  if (proposed && typeof proposed.topic === 'string') return { ...emptyMapping(), ...structuredClone(proposed) }
  return { ...emptyMapping(), ...templateOf(topic.topic) }
}
