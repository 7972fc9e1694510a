import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import {
  type ProcessEnds,
  type ProcessIdentities,
  type ProcessTable,
  ProcessTableSchema,
  type ProcessValues,
} from '@driftline/proto'
import type { IntakeLimits } from '../limits.ts'
import type { Reason } from './reasons.ts'

const STATE_MAX = 6
const END_KIND_MAX = 2
/** Each row of `started` points at five texts at most. */
const TEXTS_PER_ROW = 5

export interface TableContext {
  readonly limits: IntakeLimits
  readonly owns: (process: string) => boolean
  readonly nowMs: number
}

type Problem = { readonly reason: Reason; readonly detail: string }
const problem = (reason: Reason, detail: string): Problem => ({ reason, detail })

/** Decodes and checks an encoded ProcessTable and encodes it again ourselves, without fields that we do not know. */
export function validateTable(bytes: Uint8Array, context: TableContext): Verdict<Uint8Array> {
  if (bytes.length === 0) return emit(bytes)
  let table: ProcessTable
  try {
    table = fromBinary(ProcessTableSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    return deadLetter('table_malformed', (error as Error).message)
  }
  const found =
    checkSizes(table, context.limits) ??
    checkTexts(table.strings, context.limits) ??
    (table.started && checkStarted(table.started, table.strings, context)) ??
    (table.values && checkValues(table.values)) ??
    (table.ended && checkEnded(table.ended, context))
  return found ? deadLetter(found.reason, found.detail) : emit(toBinary(ProcessTableSchema, table))
}

function checkSizes(table: ProcessTable, limits: IntakeLimits): Problem | null {
  for (const [name, part] of [
    ['started', table.started],
    ['values', table.values],
    ['ended', table.ended],
  ] as const) {
    if (part === undefined) continue
    const rows = part.pid.length
    if (rows > limits.rowsMax) return problem('table_too_large', `${rows} rows of ${name} exceed ${limits.rowsMax}`)
    for (const [column, values] of Object.entries(part)) {
      if (Array.isArray(values) && values.length !== rows) {
        return problem('table_unequal_lengths', `${name}.${column} has ${values.length} elements for ${rows} pids`)
      }
    }
  }
  const textsMax = 1 + TEXTS_PER_ROW * limits.rowsMax
  if (table.strings.length <= textsMax) return null
  return problem('table_too_large', `${table.strings.length} texts exceed ${textsMax}`)
}

function checkTexts(texts: readonly string[], limits: IntakeLimits): Problem | null {
  if (texts.length > 0 && texts[0] !== '') return problem('table_text_invalid', 'text 0 is not empty')
  for (const [index, text] of texts.entries()) {
    // The cheap bound first: a text has at least as many bytes as characters, and at most three times as many.
    const fits = text.length * 3 <= limits.textBytesMax || Buffer.byteLength(text) <= limits.textBytesMax
    if (!fits) return problem('table_text_invalid', `text ${index} exceeds ${limits.textBytesMax} bytes`)
  }
  return null
}

function checkStarted(started: ProcessIdentities, texts: readonly string[], context: TableContext): Problem | null {
  const found = checkPids(started.pid, 'started') ?? checkStartTimes(started.startTimeMs, context.nowMs, context.limits)
  if (found) return found
  const textCount = Math.max(texts.length, 1)
  for (const column of ['name', 'command', 'user', 'group', 'container'] as const) {
    for (const index of started[column]) {
      if (index >= textCount)
        return problem('table_index_out_of_range', `${column} points at text ${index} of ${textCount}`)
    }
  }
  const checked = new Uint8Array(textCount)
  for (const index of started.group) {
    if (index === 0 || checked[index] === 1) continue
    checked[index] = 1
    if (!context.owns(texts[index]!))
      return problem('process_foreign', 'a group is not one of the host that said hello')
  }
  return null
}

function checkValues(values: ProcessValues): Problem | null {
  const found = checkPids(values.pid, 'values')
  if (found) return found
  // A newer agent may know more states than we do: they are told as unspecified.
  values.state.forEach((state, row) => {
    if (state < 0 || state > STATE_MAX) values.state[row] = 0
  })
  for (const column of ['cpuCores', 'readBytesPerSecond', 'writeBytesPerSecond'] as const) {
    // NaN says that the platform gives no value.
    const wrong = values[column].find((value) => value < 0 || value === Number.POSITIVE_INFINITY)
    if (wrong !== undefined) return problem('table_value_out_of_range', `${column} of ${wrong}`)
  }
  for (const column of ['residentBytes', 'virtualBytes'] as const) {
    const wrong = values[column].find((value) => value > BigInt(Number.MAX_SAFE_INTEGER))
    if (wrong !== undefined) return problem('table_value_out_of_range', `${column} of ${wrong}`)
  }
  return null
}

function checkEnded(ended: ProcessEnds, context: TableContext): Problem | null {
  const found = checkPids(ended.pid, 'ended') ?? checkStartTimes(ended.startTimeMs, context.nowMs, context.limits)
  if (found) return found
  const wrong = ended.kind.find((kind) => kind < 0 || kind > END_KIND_MAX)
  return wrong === undefined ? null : problem('table_value_out_of_range', `end kind ${wrong}`)
}

function checkPids(pids: readonly number[], part: string): Problem | null {
  const seen = new Set(pids)
  return seen.size === pids.length ? null : problem('table_pid_duplicate', `${part} names a pid twice`)
}

function checkStartTimes(times: readonly bigint[], nowMs: number, limits: IntakeLimits): Problem | null {
  const latest = BigInt(nowMs + limits.aheadMsMax)
  const wrong = times.find((time) => time < 0n || time > latest)
  return wrong === undefined ? null : problem('table_value_out_of_range', `start time ${wrong}`)
}
