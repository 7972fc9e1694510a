import type {
  Definitions,
  FilterDefinition,
  LineReading,
  MqttMapping,
  PushDoor,
  SourceKind,
} from '../../api/source-types.ts'

/** What the server takes where nothing is said; the editor shows it as such. */
export const emptyFilter = (): FilterDefinition => ({
  duplicates: true,
  unchanged: false,
  keepEverySeconds: 60,
  samplingRate: 1,
  rowSamplingRate: 1,
  rowMinSeverity: 0,
})

export const emptyMapping = (topic = ''): MqttMapping => ({
  topic,
  process: 'device:{site}:{machine}',
  payload: 'auto',
  unit: '',
  role: 'level',
  keepRecords: false,
})

/** The zone of the machine that a person sits at: most often the one that its logs are written in. */
const ownTimeZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'

const emptyReading = (): LineReading => ({
  format: 'auto',
  timeZone: ownTimeZone(),
  metrics: [],
  patterns: true,
  rules: [],
})

/** A new source of each kind, with defaults that work for most. */
export const newDefinitions: { readonly [K in SourceKind]: () => Definitions[K] } = {
  mqtt: () => ({
    broker: { url: '', protocol: '5', sessionExpirySeconds: 86_400 },
    mappings: [],
    discover: ['#'],
    silentAfterSeconds: 300,
  }),
  file: () => ({ paths: [], exclude: [], from: 'end', reading: emptyReading() }),
  syslog: () => ({ udpPort: 5514, tcpPort: 5514, byHost: false, reading: emptyReading() }),
  push: () => ({ door: 'samples', key: '', rules: [] }),
  poll: () => ({ everySeconds: 10, type: 'rest', checkConfiguration: {}, metrics: [], rules: [] }),
}

/** Why there is nothing to look at yet; empty as soon as a draft says where its data is. */
export function lacksOf(definition: Definitions[SourceKind]): string {
  if ('broker' in definition && definition.broker.url.trim() === '') return 'the address of the broker is needed.'
  if ('paths' in definition && definition.paths.length === 0) return 'at least one path is needed.'
  if ('byHost' in definition && definition.udpPort === undefined && definition.tcpPort === undefined)
    return 'a port is needed.'
  if ('everySeconds' in definition) return lacksOfPoll(definition)
  return ''
}

function lacksOfPoll({ type, checkConfiguration, metrics }: Definitions['poll']): string {
  if (typeof checkConfiguration['url'] !== 'string') return 'the address to ask is needed.'
  if (type === 'sql' && typeof checkConfiguration['query'] !== 'string') return 'the query is needed.'
  if (type !== 'prometheus' && metrics.length === 0) return 'at least one number that becomes a metric is needed.'
  return ''
}

export const kindChoices: readonly {
  readonly kind: SourceKind
  readonly name: string
  readonly about: string
  readonly icon: 'device' | 'log' | 'host' | 'service' | 'flow'
}[] = [
  {
    kind: 'mqtt',
    name: 'MQTT broker',
    about: 'Machines and sensors. 3.1.1 and 5, TLS, Sparkplug B; payloads are numbers, JSON or CSV.',
    icon: 'device',
  },
  {
    kind: 'file',
    name: 'Log files',
    about: 'Files, directories and globs, followed through rotation. The format is found by itself.',
    icon: 'log',
  },
  {
    kind: 'syslog',
    name: 'Syslog',
    about: 'A port for network devices and servers that send RFC 3164 or 5424 over UDP or TCP.',
    icon: 'host',
  },
  {
    kind: 'poll',
    name: 'Poll',
    about: 'REST and GraphQL APIs, databases, files and Prometheus endpoints, asked every second or more rarely.',
    icon: 'flow',
  },
  {
    kind: 'push',
    name: 'Pushed metrics',
    about: 'Programs that send: curl, OpenTelemetry, Prometheus. They appear as soon as something comes.',
    icon: 'service',
  },
]

export const doorNames: Readonly<Record<PushDoor, { readonly name: string; readonly address: string }>> = {
  samples: { name: 'Samples', address: '/api/v1/ingest/samples' },
  records: { name: 'Business records', address: '/api/v1/ingest/records' },
  otlp: { name: 'OpenTelemetry', address: '/v1/metrics' },
  'remote-write': { name: 'Prometheus', address: '/api/v1/prometheus/write' },
}
