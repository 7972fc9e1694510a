import { type MqttField, type MqttMapping, mqttMapping } from '@driftline/ingest/definitions/mqtt'
import { splitCsv } from '../payload/csv-format.ts'
import { findTimeKey, isPlausibleTime } from '../payload/event-time.ts'
import { Refused } from '../payload/payload-format.ts'
import { parseNumber } from '../payload/plain-number.ts'
import { type GeneralTopic, generaliseTopic } from './generalise-topic.ts'
import { guessDelimiter, type PayloadGuess } from './guess-payload.ts'
import { planMapping } from './mapping-plan.ts'
import { metricName } from './metric-name.ts'
import { guessUnit, secondsPer, wordsOf } from './units.ts'

/** More than these are better found by themselves than listed. */
const FIELDS_MAX = 30
const DEPTH_MAX = 5

/** A mapping for a topic and its siblings, checked; null where none can be proposed. A person looks at it first. */
export function proposeMapping(
  topic: string,
  payload: PayloadGuess,
  example: Buffer,
  siblings: Iterable<readonly string[]>,
): MqttMapping | null {
  const proposal = payload === 'sparkplug' ? proposeSparkplug(topic) : proposePlain(topic, payload, example, siblings)
  const parsed = proposal === null ? null : mqttMapping.safeParse(proposal)
  return parsed?.success && planMapping(parsed.data).problems.length === 0 ? parsed.data : null
}

function proposeSparkplug(topic: string): object | null {
  const [, group, , edge, device] = topic.split('/')
  if (!group || !edge || group === 'STATE') return null
  const names = device === undefined ? ['{group}', '{edge}'] : ['{group}', '{edge}', '{device}']
  const [first, ...rest] = names
  return {
    topic: ['spBv1.0', first, '+', ...rest].join('/'),
    process: `device:${names.join(':')}`,
    payload: 'sparkplug',
  }
}

function proposePlain(
  topic: string,
  payload: PayloadGuess,
  example: Buffer,
  siblings: Iterable<readonly string[]>,
): object | null {
  if (payload === 'binary' || topic.startsWith('$')) return null
  const general = generaliseTopic(topic, siblings, payload === 'number')
  const base = { topic: general.template, process: processOf(general) }
  if (payload === 'number') {
    const unit = guessUnit(topic.slice(topic.lastIndexOf('/') + 1))
    return general.hasMetric ? { ...base, payload } : { ...base, payload, metric: 'device.value', unit }
  }
  if (payload === 'json') return { ...base, payload, ...describeJson(example) }
  return payload === 'csv' ? { ...base, payload, ...describeCsv(example.toString('utf8')) } : { ...base, payload }
}

/** Of a process. */
const NAMES_MAX = 6

function processOf({ names, literals }: GeneralTopic): string {
  if (names.length > 0)
    return `device:${names
      .slice(0, NAMES_MAX)
      .map((name) => `{${name}}`)
      .join(':')}`
  const plain = literals.filter((level) => !/[{}:]/.test(level)).slice(-2)
  return `device:${plain.length > 0 ? plain.join(':') : 'unnamed'}`
}

/** A number that was found in an example. */
interface Leaf {
  readonly path: string
  readonly names: readonly string[]
  readonly value: unknown
}

function describeJson(example: Buffer): object {
  let value: unknown
  try {
    value = JSON.parse(example.toString('utf8'))
  } catch {
    // The example is kept short: a longer payload is mapped by what is found in it.
    return {}
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {}
  const timeKey = findTimeKey(value, 'auto')
  const leaves: Leaf[] = []
  collect(value, '$', [], 0, leaves)
  const measured = leaves.filter(({ path }) => timeKey === null || path !== step('$', timeKey))
  if (measured.length === 0 || measured.length > FIELDS_MAX) return {}
  return { ...(timeKey === null ? {} : { time: { path: step('$', timeKey) } }), fields: fieldsOf(measured) }
}

const step = (path: string, key: string): string =>
  /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path}["${key.replace(/[\\"]/g, '\\$&')}"]`

function collect(value: unknown, path: string, names: readonly string[], depth: number, leaves: Leaf[]): void {
  if (typeof value === 'number' || typeof value === 'boolean') {
    leaves.push({ path, names, value })
  } else if (value !== null && typeof value === 'object' && depth < DEPTH_MAX && leaves.length <= FIELDS_MAX) {
    if (Array.isArray(value)) {
      // Elements of one array are alike: the first stands for all.
      collect(value[0], `${path}[*]`, names, depth + 1, leaves)
      return
    }
    const inArray = path.endsWith('[*]')
    for (const [key, child] of Object.entries(value)) {
      if (inArray && (key === 'id' || key === 'name')) continue
      collect(child, step(path, key), [...names, key], depth + 1, leaves)
    }
  }
}

const longWords = new Map([
  ['vib', 'vibration'],
  ['temp', 'temperature'],
  ['hum', 'humidity'],
  ['press', 'pressure'],
  ['curr', 'current'],
  ['volt', 'voltage'],
  ['pwr', 'power'],
  ['spd', 'speed'],
  ['freq', 'frequency'],
])

/** Words at the end of a name that are its unit, and no part of what is measured. */
const UNIT_WORDS =
  /_(c|f|degc|degf|ms|us|ns|s|sec|min|h|pct|percent|mm_s|m_s|bar|kpa|pa|hpa|kw|w|kwh|v|mv|a|ma|hz|kg|mm)$/

const EXECUTION_TIME = /(^|_)(cycle|duration|takt|elapsed|runtime|latency|cycle_time|response_time|execution_time)(_|$)/
const SUCCESS = /^(ok|success|passed|pass|good|is_ok|success_flag)$/

function fieldsOf(leaves: readonly Leaf[]): MqttField[] {
  const taken = new Set<string>()
  const roles = new Set<string>()
  return leaves.map(({ path, names, value }) => {
    const words = wordsOf(names.at(-1) ?? 'value')
    const unit = typeof value === 'boolean' ? '' : guessUnit(names.at(-1) ?? '')
    const isOnce = !path.includes('[*]')
    if (isOnce && EXECUTION_TIME.test(words) && secondsPer(unit) !== null && !roles.has('executionTime')) {
      roles.add('executionTime')
      return { path, metric: 'process.execution.time', unit, role: 'executionTime' }
    }
    const isFlag = value === true || value === false || value === 0 || value === 1
    if (isOnce && isFlag && SUCCESS.test(words) && !roles.has('success')) {
      roles.add('success')
      return { path, metric: 'process.success', unit: '1', role: 'success' }
    }
    return { path, metric: unique(fieldMetric(names, unit), taken), unit, role: 'level' }
  })
}

/** `oil_c` is `device.oil.temperature`, `vib.rms` is `device.vibration.rms`. */
function fieldMetric(names: readonly string[], unit: string): string {
  const words = names.flatMap((name, i) => {
    const all = wordsOf(name)
      .replace(/[^a-z0-9_]/g, '')
      .replace(/^_+|_+$/g, '')
    return (i === names.length - 1 && unit !== '' ? all.replace(UNIT_WORDS, '') : all).split('_')
  })
  const long = words.filter((word) => word !== '').map((word) => longWords.get(word) ?? word)
  if (unit === 'Cel' && !long.includes('temperature')) long.push('temperature')
  return metricName(`device.${long.join('.') || 'value'}`)
}

function unique(metric: string, taken: Set<string>): string {
  let name = metric
  for (let n = 2; taken.has(name); n++) name = `${metric}.${n}`
  taken.add(name)
  return name
}

const COLUMNS_MAX = 200

function describeCsv(text: string): object {
  const delimiter = guessDelimiter(text) ?? ','
  const rows = splitCsv(text, delimiter)
  if (rows instanceof Refused || !rows[0] || rows[0].length > COLUMNS_MAX) return { csv: { delimiter } }
  const header = rows.length > 1 && rows[0].every((cell) => cell !== '' && parseNumber(cell) === null)
  const columns = header ? rows[0] : rows[0].map((_cell, i) => `c${i + 1}`)
  const values = rows[header ? 1 : 0]!
  const timeAt = values.findIndex((cell) => isPlausibleTime(cell, 'auto'))
  const leaves = columns
    .map((name, i) => ({ path: name, names: [name], value: parseNumber(values[i] ?? ''), at: i }))
    .filter(({ value, at }) => value !== null && at !== timeAt)
  return {
    csv: { header, delimiter, ...(header ? {} : { columns }) },
    ...(timeAt < 0 ? {} : { time: { path: columns[timeAt] } }),
    ...(leaves.length > 0 && leaves.length <= FIELDS_MAX ? { fields: fieldsOf(leaves) } : {}),
  }
}
