import type { IncomingMessage } from 'node:http'
import type { DoorCall, HttpDoor } from '../door.ts'
import { type Answer, problemJson } from '../http/answers.ts'
import { mediaTypeOf } from '../http/body.ts'
import type { Refused } from '../point-sink.ts'
import { sampleLetter } from '../point-sink.ts'
import type { PushRequest } from '../push-request.ts'
import { createCsvSplitter, readCsvRecord } from './csv.ts'
import { type CsvColumns, parseObject, readCsvHeader, readCsvItem, readSampleItem, type SampleItem } from './item.ts'
import { createArraySplitter, type ItemListener, type Splitter } from './json-items.ts'
import { takeStream } from './take-stream.ts'

const ITEM_BYTES_MAX = 65_536

/** `POST /api/v1/ingest/samples`: a JSON array, or CSV with a line of columns. */
export const samplesDoor: HttpDoor = {
  path: '/api/v1/ingest/samples',
  door: 'samples',
  refuse: () => problemJson,
  take(incoming: IncomingMessage, call: DoorCall): Promise<Answer> {
    const type = mediaTypeOf(incoming)
    if (type === 'application/json') {
      return takeStream(incoming, call, (request) =>
        createArraySplitter(
          ITEM_BYTES_MAX,
          listenTo(request, (bytes) => takeJson(request, bytes, call)),
        ),
      )
    }
    if (type === 'text/csv') return takeStream(incoming, call, (request) => csvSplitter(request, call))
    const detail = `content-type is application/json or text/csv, not ${type.slice(0, 50) || 'missing'}`
    return Promise.resolve(problemJson({ status: 415, reason: 'type_unsupported', detail }))
  },
}

/** Counts items, and refuses those that are too long or that `take` refuses, with their bytes. */
export function listenTo(
  request: PushRequest,
  take: (bytes: Uint8Array) => Refused | null,
  replayable = true,
): ItemListener {
  let next = 0
  return {
    item(bytes) {
      request.index = next
      next += 1
      const refused = take(bytes)
      if (refused === null) return
      // Asked for only when a letter is written, and before this returns.
      const { reason, detail } = refused
      request.refuse({ reason, detail, count: 1, payload: () => Buffer.from(bytes), replayable })
    },
    tooLong(start) {
      request.index = next
      next += 1
      const detail = `an item has more than ${ITEM_BYTES_MAX} bytes`
      request.refuse({ reason: 'item_too_large', detail, count: 1, payload: () => Buffer.from(start) })
    },
  }
}

function takeJson(request: PushRequest, bytes: Uint8Array, call: DoorCall): Refused | null {
  const parsed = parseObject(bytes)
  if ('reason' in parsed) return parsed
  const item = readSampleItem(parsed.object)
  return 'reason' in item ? item : takeItem(request, item, call.deps.clock.nowMs())
}

/** Adds a sample; a refusal by the book is told by the item as it was. */
export function takeItem(request: PushRequest, { series, timeMs, value }: SampleItem, nowMs: number): Refused | null {
  const handle = request.define(series)
  if (typeof handle !== 'number') return handle
  // What the sink itself refuses it has noted.
  request.add(handle, timeMs ?? nowMs, value)
  return null
}

function csvSplitter(request: PushRequest, call: DoorCall): Splitter {
  let columns: CsvColumns | null = null
  let problem: string | null = null
  const records = listenTo(
    request,
    (bytes) => {
      const fields = readCsvRecord(bytes)
      if (fields === null)
        return { reason: 'item_malformed', detail: 'quotes are not where they may be, or it is not UTF-8' }
      const item = readCsvItem(columns!, fields)
      if ('reason' in item) return item
      const refused = takeItem(request, item, call.deps.clock.nowMs())
      if (refused === null) return null
      // A line without its header could not be sent again.
      const payload = sampleLetter(item.series, item.timeMs, item.value)
      request.refuse({ ...refused, count: 1, payload: () => payload, replayable: true })
      return null
    },
    false,
  )
  const splitter = createCsvSplitter(ITEM_BYTES_MAX, {
    item(bytes) {
      if (problem !== null) return
      if (columns !== null) {
        records.item(bytes)
        return
      }
      const header = readCsvHeader(readCsvRecord(bytes) ?? [])
      if (typeof header === 'string') problem = header
      else columns = header
    },
    tooLong(start) {
      if (columns === null) problem = 'the first line, which names the columns, is too long'
      else records.tooLong(start)
    },
  })
  return {
    push: (chunk) => splitter.push(chunk) ?? problem,
    end: () => splitter.end() ?? problem ?? (columns === null ? 'the body is empty' : null),
  }
}
