import type { MqttDefinition } from '@driftline/ingest/definitions/mqtt'
import { createRecordRules } from '@driftline/ingest/record-rules'
import type { PreviewAnswer, PreviewItem, ProducedSample } from '@driftline/ingest/request-types'
import { matchesFilter, problemOfFilter } from './client/filters.ts'
import { createMapper, type TimeBounds } from './mapping/mapper.ts'
import type { Reading, SeriesKey } from './mapping/reading.ts'
import { recordField } from './mapping/record-field.ts'
import type { MqttMessage } from './message.ts'
import { type Mark, markJson } from './payload/json-marks.ts'
import { isSparkplugTopic, sparkplugFilters } from './sparkplug/sparkplug-topics.ts'
import { sparkplugHost } from './sparkplug-reading.ts'

/** What a draft makes of what comes in, for a person to look at. Nothing of it is stored. */
export interface PreviewView {
  take(message: MqttMessage): void
  state(state: PreviewAnswer['state'], message: string): void
  answer(nowMs: number): PreviewAnswer
  /** What to subscribe to. */
  readonly filters: readonly string[]
}

const ITEMS_MAX = 20
/** More are counted and not shown: nobody can read them. */
const ITEMS_PER_SECOND = 40
const PAYLOAD_CHARS_MAX = 4096
const UNMAPPED_TOPICS_MAX = 1000
const UNMAPPED_SHOWN = 50
const FIELDS_MAX = 100
const PRODUCED_MAX = 100

export function createPreviewView(definition: MqttDefinition, bounds: TimeBounds, startedMs: number): PreviewView {
  const { mapper, problems } = createMapper(definition.mappings, bounds)
  const host = sparkplugHost(definition, bounds)
  const rules = definition.mappings.map((mapping) => (mapping.rules?.length ? createRecordRules(mapping.rules) : null))
  const words = [
    ...problems.map(({ at, problem }) => `${at}: ${problem}`),
    ...rules.flatMap((each) => each?.problems.map(({ rule, message }) => `rule ${rule}: ${message}`) ?? []),
  ]
  const unmapped = new Map<string, number>()
  let items: PreviewItem[] = []
  let state: PreviewAnswer['state'] = 'connecting'
  let message = ''
  let total = 0
  let second = 0
  let shownInSecond = 0
  let since = { atMs: startedMs, total: 0 }
  let perSecond = 0

  const mayShow = (nowMs: number): boolean => {
    const now = Math.floor(nowMs / 1000)
    if (now !== second) {
      second = now
      shownInSecond = 0
    }
    shownInSecond += 1
    return shownInSecond <= ITEMS_PER_SECOND
  }

  const flaggedBy = (reading: Reading): string[] => {
    const judges = rules[reading.mapping]
    if (!judges) return []
    const names = new Set<string>()
    for (let at = 0; at < reading.rowCount; at++) {
      const row = reading.rows[at]
      for (const hit of judges.judge((name) => recordField(row, name), reading.process)) {
        names.add(definition.mappings[reading.mapping]!.rules![hit]!.name)
      }
    }
    return [...names]
  }

  return {
    filters: [
      ...mapper.filters,
      ...definition.discover.filter((filter) => problemOfFilter(filter) === null),
      ...(host === null ? [] : sparkplugFilters(definition.sparkplug?.groups ?? [], null)),
    ],
    take({ topic, payload, arrivalMs, retained }) {
      total += 1
      if (state === 'waiting') state = 'receiving'
      const reading =
        host !== null && isSparkplugTopic(topic)
          ? host.read(topic, payload, arrivalMs, retained)
          : mapper.map(topic, payload, arrivalMs, retained)
      // A preview only listens: it asks nobody for a rebirth.
      host?.take()
      if (reading.verdict === 'skip' && reading.reason === 'topic_unmapped') {
        const isAsked = definition.discover.some((filter) => matchesFilter(filter, topic))
        if (isAsked && (unmapped.has(topic) || unmapped.size < UNMAPPED_TOPICS_MAX)) {
          unmapped.set(topic, (unmapped.get(topic) ?? 0) + 1)
        }
      } else if (mayShow(arrivalMs)) {
        items = [itemOf(topic, payload, arrivalMs, reading, flaggedBy(reading)), ...items.slice(0, ITEMS_MAX - 1)]
      }
    },
    state(next, words) {
      if (state !== 'receiving' || next !== 'waiting') state = next
      message = words
    },
    answer(nowMs) {
      const elapsedMs = nowMs - since.atMs
      if (elapsedMs >= 1000) {
        perSecond = ((total - since.total) / elapsedMs) * 1000
        since = { atMs: nowMs, total }
      }
      const shown = [...unmapped].sort(([, one], [, other]) => other - one).slice(0, UNMAPPED_SHOWN)
      const runMs = Math.max(1000, nowMs - startedMs)
      return {
        state,
        message: message || words.join('\n'),
        perSecond,
        items,
        unmapped: shown.map(([topic, count]) => ({ topic, perSecond: (count / runMs) * 1000 })),
        detected: null,
      }
    },
  }
}

function itemOf(topic: string, payload: Buffer, timeMs: number, reading: Reading, flagged: string[]): PreviewItem {
  const text = payload.toString('utf8', 0, PAYLOAD_CHARS_MAX * 4).slice(0, PAYLOAD_CHARS_MAX)
  const produced: ProducedSample[] = []
  for (let at = 0; at < Math.min(reading.count, PRODUCED_MAX); at++) {
    const { process, metric, attributes, unit, role } = reading.keys[at]!
    produced.push({ process, metric, attributes, unit, role, value: reading.values[at]! })
  }
  const marks = produced.length > 0 ? marksOf(text, reading.keys.slice(0, produced.length)) : []
  const refusals: { reason: string; at: string; detail: string }[] = reading.refusals.map(({ reason, at, detail }) => ({
    reason,
    at,
    detail,
  }))
  if (reading.verdict !== 'emit') refusals.unshift({ reason: reading.reason, at: '', detail: reading.detail })
  return { timeMs, subject: topic, payload: text, marks, produced, fields: fieldsOf(reading), refusals, flagged }
}

/** Where in a text the values stand that became something. */
function marksOf(text: string, keys: readonly SeriesKey[]): readonly Mark[] {
  const number = /^\s*([-+0-9.eE]+)\s*$/.exec(text)
  if (number) return [{ from: text.indexOf(number[1]!), to: text.indexOf(number[1]!) + number[1]!.length }]
  return markJson(
    text,
    keys.map(({ path }) => path),
  )
}

function fieldsOf(reading: Reading): PreviewItem['fields'] {
  const row = reading.rowCount > 0 ? reading.rows[0] : null
  if (row === null || typeof row !== 'object' || Array.isArray(row)) return null
  const plain = Object.entries(row).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  return Object.fromEntries(plain.slice(0, FIELDS_MAX)) as Record<string, string | number | boolean>
}
