import type { IncomingMessage } from 'node:http'
import type { DoorCall, HttpDoor } from '../door.ts'
import { type Answer, problemJson } from '../http/answers.ts'
import { mediaTypeOf } from '../http/body.ts'
import { createArraySplitter, createLineSplitter } from './json-items.ts'
import { takeRecord } from './record.ts'
import { listenTo } from './samples-door.ts'
import { takeStream } from './take-stream.ts'

const ITEM_BYTES_MAX = 65_536
const LINES = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl'])

/** `POST /api/v1/ingest/records`: a JSON array of business records, or one on each line. */
export const recordsDoor: HttpDoor = {
  path: '/api/v1/ingest/records',
  door: 'records',
  refuse: () => problemJson,
  take(incoming: IncomingMessage, call: DoorCall): Promise<Answer> {
    const type = mediaTypeOf(incoming)
    const make = LINES.has(type) ? createLineSplitter : createArraySplitter
    if (!LINES.has(type) && type !== 'application/json') {
      const detail = `content-type is application/json or application/x-ndjson, not ${type.slice(0, 50) || 'missing'}`
      return Promise.resolve(problemJson({ status: 415, reason: 'type_unsupported', detail }))
    }
    return takeStream(incoming, call, (request) => {
      const { clock } = call.deps
      return make(
        ITEM_BYTES_MAX,
        listenTo(request, (bytes) => takeRecord(request, bytes, clock.nowMs())),
      )
    })
  },
}
