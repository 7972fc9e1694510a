import { filterDefinition } from '@driftline/ingest/definitions/filter'
import { type PushDefinition, pushDefinition } from '@driftline/ingest/definitions/push'
import { createMetricFilter } from '@driftline/ingest/filter'
import { createRecordRules, type FieldOf } from '@driftline/ingest/record-rules'
import type { PreviewAnswer, PreviewItem, ProducedSample } from '@driftline/ingest/request-types'
import type { PreviewTask } from '@driftline/ingest/source-requests'
import type { Clock } from '@driftline/platform/clock'
import { z } from 'zod'
import { roleOf } from './mapped-kpis.ts'
import type { PushSource, SourceName, Tap, TappedRow } from './push-source.ts'

const ITEMS_MAX = 20
const PAYLOAD_MAX = 4096
const REPORT_EVERY_MS = 500

/** Shows what a draft would make of what a key really sends, until the signal aborts. */
export function createPreview({
  sourceOf,
  clock,
}: {
  readonly sourceOf: (name: SourceName) => PushSource
  readonly clock: Clock
}) {
  return async (task: PreviewTask, report: (answer: PreviewAnswer) => void, signal: AbortSignal): Promise<void> => {
    const parsed = pushDefinition.safeParse(task.definition)
    if (!parsed.success) {
      report(answerOf('failed', z.prettifyError(parsed.error), 0, []))
      return
    }
    const { door, key } = parsed.data
    const source = sourceOf({ tenant: task.tenant, door, key })
    const view = createView(parsed.data, clock)
    source.taps.add(view.tap)
    const timer = setInterval(() => report(view.read()), REPORT_EVERY_MS)
    report(view.read())
    try {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    } finally {
      clearInterval(timer)
      source.taps.delete(view.tap)
    }
  }
}

function answerOf(
  state: PreviewAnswer['state'],
  message: string,
  perSecond: number,
  items: readonly PreviewItem[],
): PreviewAnswer {
  return { state, message, perSecond, items, unmapped: [], detected: null }
}

/** What came lately, as the draft sees it; newest first. */
function createView(definition: PushDefinition, clock: Clock) {
  const wants = createMetricFilter(definition.filter ?? filterDefinition.parse({}))
  const rules = createRecordRules(definition.rules)
  const [problem] = rules.problems
  const message = problem === undefined ? '' : `The rule "${problem.rule}" cannot be used: ${problem.message}`
  const startedAtMs = clock.nowMs()
  let items: PreviewItem[] = []
  let events = 0

  const add = (item: Partial<PreviewItem> & Pick<PreviewItem, 'timeMs' | 'subject' | 'payload'>): void => {
    events += 1
    const whole = { marks: [], produced: [], fields: null, refusals: [], flagged: [], ...item }
    items = [whole, ...items.slice(0, ITEMS_MAX - 1)]
  }
  const tap: Tap = {
    sample({ process, metric, unit, attributes }, timeMs, value, subject) {
      if (!wants(metric)) return
      const read = JSON.parse(attributes) as Record<string, string>
      const role = roleOf(definition.kpis ?? {}, metric)
      const produced: ProducedSample = { process, metric, unit, attributes: read, role, value }
      add({
        timeMs,
        subject,
        payload: JSON.stringify({ process, metric, value, attributes: read }),
        produced: [produced],
      })
    },
    row(row, subject) {
      const fields = fieldsOf(row)
      const flagged = rules.judge(readerOf(fields, row), row.process).map((index) => definition.rules[index]!.name)
      add({ timeMs: row.timeMs, subject, payload: row.body.slice(0, PAYLOAD_MAX), fields, flagged })
    },
    refused({ reason, detail }, payload, subject) {
      const text = Buffer.from(payload.subarray(0, PAYLOAD_MAX)).toString()
      add({ timeMs: clock.nowMs(), subject, payload: text, refusals: [{ reason, at: '', detail }] })
    },
  }
  return {
    tap,
    read(): PreviewAnswer {
      const seconds = Math.max(1, (clock.nowMs() - startedAtMs) / 1000)
      const state = events === 0 ? 'waiting' : 'receiving'
      return answerOf(
        state,
        message === '' && events === 0 ? 'Waiting for the key to send' : message,
        events / seconds,
        items,
      )
    },
  }
}

function fieldsOf({ attributes, body }: TappedRow): Record<string, string | number | boolean> {
  const parsed = readJson(attributes) ?? readJson(body) ?? {}
  const fields = Object.create(null) as Record<string, string | number | boolean>
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') fields[name] = value
    else if (value !== null) fields[name] = JSON.stringify(value)
  }
  return fields
}

function readJson(text: string): object | null {
  if (!text.startsWith('{')) return null
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}

function readerOf(fields: Record<string, string | number | boolean>, { body }: TappedRow): FieldOf {
  return (name) => {
    if (!Object.hasOwn(fields, name)) return name === 'body' ? body : undefined
    const value = fields[name]!
    return typeof value === 'boolean' ? String(value) : value
  }
}
