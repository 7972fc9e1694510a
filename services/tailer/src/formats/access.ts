import { indexIn, skipQuoted } from './byte-search.ts'
import { createFieldNames, type FieldNames } from './field-names.ts'
import type { DurationUnit, FormatSettings, LineParser, LogFormat } from './log-format.ts'
import { reasonCode } from './log-format.ts'
import { parseNumber } from './numbers.ts'
import { cellKind, pushCell, type RecordColumns, reserveCells } from './record-columns.ts'
import { unitsPerSecond } from './roles.ts'
import { severityOfStatus } from './severity.ts'
import { createCalendar } from './times/civil.ts'
import { CLF_TIME_BYTES, type ClfTime, createClfTime } from './times/clf-time.ts'

/** Access logs as Apache and nginx write them by default, also with what is often added behind. */
export const combined: LogFormat = {
  name: 'combined',
  about: 'Access logs of nginx and Apache, with referrer and user agent, also with request times behind',
  specificity: 1,
  createParser: (settings) => ({ parser: createAccessParser('combined', settings) }),
}

export const common: LogFormat = {
  name: 'common',
  about: 'Access logs of Apache and others (NCSA common)',
  specificity: 0.95,
  createParser: (settings) => ({ parser: createAccessParser('common', settings) }),
}

const SPACE = 32
const QUOTE = 34
const BACKSLASH = 92
const DASH = 45
const CELLS_MAX = 16

/** Numbers of the fields of an access line. */
interface AccessFields {
  readonly host: number
  readonly client: number
  readonly user: number
  readonly method: number
  readonly path: number
  readonly query: number
  readonly protocol: number
  readonly status: number
  readonly size: number
  readonly referrer: number
  readonly agent: number
  readonly forwarded: number
  readonly durationByUnit: readonly number[]
  readonly upstream: number
}

const UNITS: readonly DurationUnit[] = ['s', 'ms', 'us', 'ns']
const MICROSECONDS = 2

function accessFields(names: FieldNames): AccessFields {
  return {
    host: names.add('server.address'),
    client: names.add('client.address'),
    user: names.add('user.name'),
    method: names.add('http.request.method'),
    path: names.add('url.path'),
    query: names.add('url.query'),
    protocol: names.add('network.protocol.version'),
    status: names.add('http.response.status_code'),
    size: names.add('http.response.body.size'),
    referrer: names.add('http.request.header.referer'),
    agent: names.add('user_agent.original'),
    forwarded: names.add('http.request.header.x-forwarded-for'),
    durationByUnit: UNITS.map((unit) =>
      names.add(unit === 's' ? 'http.server.request.duration' : `http.server.request.duration_${unit}`),
    ),
    upstream: names.add('nginx.upstream.response_time'),
  }
}

function createAccessParser(format: 'common' | 'combined', settings: FormatSettings): LineParser {
  const names = createFieldNames({ namesMax: 32 })
  const fields = accessFields(names)
  const clf = createClfTime(createCalendar())
  const refusal = reasonCode(format === 'common' ? 'not_common' : 'not_combined')
  const timeInvalid = reasonCode('time_invalid')
  const wholeUnit = settings.durationUnit === undefined ? MICROSECONDS : UNITS.indexOf(settings.durationUnit)
  const quoted = format === 'combined'
  return {
    format,
    names,
    bodyIsJson: false,
    groupedBy: 'status',
    parse(columns, row) {
      reserveCells(columns, CELLS_MAX)
      const to = columns.end[row]!
      let at = parseHead(columns, row, fields, clf)
      if (at < 0) return refusal
      at = parseRequest(columns, fields, at, to)
      if (at < 0) return refusal
      at = parseAnswer(columns, row, fields, at, to)
      if (at < 0) return refusal
      if (quoted) {
        at = parseQuoted(columns, fields.referrer, at, to)
        if (at < 0) return refusal
        at = parseQuoted(columns, fields.agent, at, to)
        if (at < 0) return refusal
      }
      if (at < to && !parseTail(columns, row, fields, at, to, wholeUnit, quoted)) return refusal
      return Number.isNaN(columns.timeMs[row]!) ? timeInvalid : 0
    },
  }
}

/** `address ident user [time] `; answers the offset of the request's quote, or -1. */
function parseHead(columns: RecordColumns, row: number, fields: AccessFields, clf: ClfTime): number {
  const { buffer } = columns
  const start = columns.start[row]!
  const to = columns.end[row]!
  const addressTo = spaceAt(buffer, start, to)
  const identTo = addressTo < 0 ? -1 : spaceAt(buffer, addressTo + 1, to)
  if (identTo < 0 || addressTo === start) return -1
  // A user's name may hold spaces: it reaches to the bracket of the time.
  let bracket = identTo + 1
  while (bracket < to && (buffer[bracket] !== 91 || buffer[bracket - 1] !== SPACE)) bracket += 1
  if (bracket + CLF_TIME_BYTES + 3 > to || buffer[bracket + CLF_TIME_BYTES + 1] !== 93) return -1
  let userFrom = identTo + 1
  const userTo = bracket - 1
  if (userFrom > userTo) return -1
  if (
    buffer[addressTo + 1] !== DASH &&
    buffer[userFrom] === DASH &&
    buffer[userFrom + 1] === SPACE &&
    userTo > userFrom + 1
  ) {
    // `vhost:port address - user`: the first word is the virtual host.
    pushCell(columns, fields.host, cellKind.text, start, addressTo)
    pushCell(columns, fields.client, cellKind.text, addressTo + 1, identTo)
    userFrom += 2
  } else pushCell(columns, fields.client, cellKind.text, start, addressTo)
  if (userTo - userFrom !== 1 || buffer[userFrom] !== DASH) {
    if (userTo > userFrom) pushCell(columns, fields.user, cellKind.text, userFrom, userTo)
  }
  columns.timeMs[row] = clf.parse(buffer, bracket + 1)
  const quote = bracket + CLF_TIME_BYTES + 3
  return buffer[quote - 1] === SPACE && buffer[quote] === QUOTE ? quote : -1
}

/** `"GET /path?query HTTP/1.1" `; what is no request line keeps its text as path. Answers the offset behind, or -1. */
function parseRequest(columns: RecordColumns, fields: AccessFields, quote: number, to: number): number {
  const { buffer } = columns
  const from = quote + 1
  let at = from
  let space = -1
  let lastSpace = -1
  let question = -1
  for (;;) {
    if (at >= to) return -1
    const byte = buffer[at]!
    if (byte === QUOTE) break
    if (byte === BACKSLASH) at += 1
    else if (byte === SPACE) {
      if (space < 0) space = at
      lastSpace = at
    } else if (byte === 63 && question < 0) question = at
    at += 1
  }
  const end = at
  if (at + 1 >= to || buffer[at + 1] !== SPACE) return -1
  if (end === from || (end === from + 1 && buffer[from] === DASH)) return end + 2
  if (space < 0) {
    pushCell(columns, fields.path, cellKind.text, from, end)
    return end + 2
  }
  pushCell(columns, fields.method, cellKind.text, from, space)
  const hasProtocol =
    lastSpace > space && end - lastSpace > 6 && buffer[lastSpace + 1] === 72 && buffer[lastSpace + 5] === 47
  const targetTo = hasProtocol ? lastSpace : end
  if (question > space && question < targetTo) {
    pushCell(columns, fields.path, cellKind.text, space + 1, question)
    pushCell(columns, fields.query, cellKind.text, question + 1, targetTo)
  } else pushCell(columns, fields.path, cellKind.text, space + 1, targetTo)
  if (hasProtocol) pushCell(columns, fields.protocol, cellKind.text, lastSpace + 6, end)
  return end + 2
}

/** `200 1234`; answers the offset of what follows behind a space, or `to`, or -1. */
function parseAnswer(columns: RecordColumns, row: number, fields: AccessFields, from: number, to: number): number {
  const { buffer } = columns
  if (from + 5 > to || buffer[from + 3] !== SPACE) return -1
  const hundreds = buffer[from]! - 48
  const tens = buffer[from + 1]! - 48
  const ones = buffer[from + 2]! - 48
  if (hundreds < 0 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return -1
  const status = hundreds * 100 + tens * 10 + ones
  if (hundreds > 0) pushCell(columns, fields.status, cellKind.number, from, from + 3)
  columns.status[row] = status
  columns.severity[row] = severityOfStatus(status)
  const sizeFrom = from + 4
  let at = sizeFrom
  if (buffer[at] === DASH) at += 1
  else {
    while (at < to && buffer[at]! >= 48 && buffer[at]! <= 57) at += 1
    if (at === sizeFrom) return -1
    const plainNumber = buffer[sizeFrom] !== 48 || at === sizeFrom + 1
    pushCell(columns, fields.size, plainNumber ? cellKind.number : cellKind.text, sizeFrom, at)
  }
  if (at === to) return to
  return buffer[at] === SPACE ? at + 1 : -1
}

/** A quoted text and the space behind it; `-` and nothing make no field. */
function parseQuoted(columns: RecordColumns, name: number, from: number, to: number): number {
  const { buffer } = columns
  if (from >= to || buffer[from] !== QUOTE) return -1
  let at = skipQuoted(columns.view, from + 1, to)
  for (;;) {
    if (at >= to) return -1
    const byte = buffer[at]!
    if (byte === QUOTE) break
    at = byte === BACKSLASH ? skipQuoted(columns.view, at + 2, to) : at + 1
  }
  const empty = at === from + 1 || (at === from + 2 && buffer[from + 1] === DASH)
  if (!empty) pushCell(columns, name, cellKind.text, from + 1, at)
  if (at + 1 === to) return to
  return buffer[at + 1] === SPACE ? at + 2 : -1
}

/**
 * What stands behind: `"forwarded for"`, request time, upstream times, `key=value`. The first number is the request
 * time, in seconds when it has a point (nginx), else in `wholeUnit` (Apache's %D).
 */
function parseTail(
  columns: RecordColumns,
  row: number,
  fields: AccessFields,
  from: number,
  to: number,
  wholeUnit: number,
  quoted: boolean,
): boolean {
  const { buffer } = columns
  let at = from
  let timed = false
  let forwarded = false
  for (let words = 0; at < to && words < 32; words++) {
    if (buffer[at] === QUOTE) {
      if (!quoted && words === 0) return false
      const next = parseQuoted(columns, forwarded ? -1 : fields.forwarded, at, to)
      if (next < 0) return true
      forwarded = true
      at = next
      continue
    }
    const end = wordEnd(buffer, at, to)
    const valueFrom = valueAt(buffer, at, end)
    const value = parseNumber(buffer, valueFrom, end)
    if (value >= 0) {
      const unit = indexIn(buffer, 46, valueFrom, end) >= 0 ? 0 : wholeUnit
      if (!timed) {
        columns.durationS[row] = value / unitsPerSecond[unit]!
        pushCell(columns, fields.durationByUnit[unit]!, cellKind.number, valueFrom, end)
        timed = true
      } else if (unit === 0) {
        pushCell(columns, fields.upstream, cellKind.number, valueFrom, end)
        return true
      }
    } else if (!quoted && words === 0) return false
    at = end + 1
  }
  return true
}

const spaceAt = (buffer: Uint8Array, from: number, to: number): number => indexIn(buffer, SPACE, from, to)

function wordEnd(buffer: Uint8Array, from: number, to: number): number {
  const end = spaceAt(buffer, from, to)
  return end < 0 ? to : end
}

/** Behind the `=` of `rt=0.123`, or the beginning of the word. */
function valueAt(buffer: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to && at < from + 24; at++) if (buffer[at] === 61) return at + 1
  return from
}
