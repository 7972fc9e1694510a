import type { LogConfig } from '@driftline/checks/types/known'
import type { Json } from '@driftline/platform/metadata/tables'
import {
  type CheckAnswer,
  type CheckContext,
  CheckFailure,
  type CheckTools,
  type CreateCheckType,
} from '../../check-type.ts'
import { askStore } from '../known/store-questions.ts'
import { askUntil } from '../known/waiting.ts'
import { secondsInWords } from '../known/words.ts'
import { logConditionOf } from './log-condition.ts'

interface Found {
  readonly count: number
  readonly newest: number
  readonly line: string
  readonly fields: string
}

const LINE_LENGTH_MAX = 16_384

/** Lines of a log, from what was received already. */
export const createLogType: CreateCheckType<'log'> = (tools) => ({
  name: 'log',
  run: (config, context) => askUntil(context, config, () => ask(tools, config, context)),
})

async function ask({ analytics, clock }: CheckTools, config: LogConfig, context: CheckContext): Promise<CheckAnswer> {
  const backMs = clock.nowMs() - config.withinSeconds * 1000
  const fromMs = config.sinceStart ? Math.max(backMs, context.startedMs) : backMs
  const { clause, parameters } = logConditionOf(context.tenant, config, fromMs)
  const found = await askStore<Found>(
    analytics,
    context.signal,
    `SELECT toFloat64(count()) AS count, toFloat64(toUnixTimestamp64Milli(max(ts))) AS newest,
       argMax(substringUTF8(body, 1, ${LINE_LENGTH_MAX}), (ts, ordinal)) AS line,
       argMax(if(attributes = '', body, attributes), (ts, ordinal)) AS fields
     FROM logs ${clause}`,
    parameters,
  )
  const { count, newest, line, fields } = found ?? { count: 0, newest: 0, line: '', fields: '' }
  return {
    fact(of, path) {
      if (of === 'count') return count
      if (count === 0) return undefined
      if (of === 'line') return line
      return of === 'field' && path !== undefined ? fieldOf(fields, path) : undefined
    },
    result: { count, ...(count > 0 && { newest: new Date(newest).toISOString() }) },
    faults: count === 0 && !allowsNothing(config) ? [{ of: '', failure: nothing(config) }] : [],
    ...(count > 0 && { body: { text: line, mediaType: 'text/plain' } }),
  }
}

/** Somebody who counts, or says that there must be none, knows that there may be none. */
const allowsNothing = ({ assertions }: LogConfig): boolean =>
  assertions.some(({ of, is }) => of === 'count' || is === 'missing')

function nothing(config: LogConfig): CheckFailure {
  const { process, withinSeconds, sinceStart, contains, severityAtLeast, fields } = config
  const parts = [
    ...(contains === undefined ? [] : [`with ${contains.includes('"') ? contains : `"${contains}"`}`]),
    ...Object.entries(fields).map(([name, value]) => `whose ${name} is ${String(value)}`),
    ...(severityAtLeast === undefined ? [] : [`of level ${severityAtLeast} or above`]),
  ]
  const which = parts.length === 0 ? '' : ` ${parts.join(', ')}`
  const when = sinceStart ? 'since the run began' : `within ${secondsInWords(withinSeconds)}`
  return new CheckFailure('value_missing', `no line${which} in ${process} ${when}`, {
    hint: 'Search the log for it on the page Logs; waitSeconds waits for it',
  })
}

/** A name with dots is one name, or leads into objects. */
function fieldOf(text: string, path: string): Json | undefined {
  const fields = objectOf(text)
  if (fields === null || Object.hasOwn(fields, path)) return fields?.[path]
  let value: Json | undefined = fields
  for (const part of path.split('.')) {
    const isObject: boolean = typeof value === 'object' && value !== null && Object.hasOwn(value, part)
    value = isObject ? (value as JsonObject)[part] : undefined
  }
  return value
}

type JsonObject = { readonly [name: string]: Json | undefined }

function objectOf(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}
