import { pushDoors } from '@driftline/ingest/definitions/push'
import type { ReplayAnswer } from '@driftline/ingest/request-types'
import type { ReplayTask } from '@driftline/ingest/source-requests'
import type { DoorDeps } from './door.ts'
import { createPushRequest, type PushRequest } from './push-request.ts'
import type { PushSource, SourceName } from './push-source.ts'
import { parseObject, readSampleItem } from './samples/item.ts'
import { takeRecord } from './samples/record.ts'
import { recordsDoor } from './samples/records-door.ts'
import { takeItem } from './samples/samples-door.ts'
import { settle } from './settle.ts'

/** Takes in again what was refused: the payload of its dead letter is an item of the samples or of the records door. */
export function createReplay({
  sourceOf,
  deps,
}: {
  readonly sourceOf: (name: SourceName) => PushSource
  readonly deps: DoorDeps
}): (task: ReplayTask) => Promise<ReplayAnswer> {
  return async ({ tenant, source: id, subject, payload, receivedMs }) => {
    const [, door, key] = /^push:([a-z-]+):(.{1,64})$/.exec(id) ?? []
    const known = pushDoors.find((each) => each === door)
    if (known === undefined || key === undefined) {
      return { outcome: 'refused', reason: 'replay_failed', detail: `${id} is not a source of pushed data` }
    }
    const source = sourceOf({ tenant, door: known, key })
    source.refresh()
    const request = createPushRequest(source, subject, deps.config, deps)
    const refused = takePayload(request, subject, Buffer.from(payload, 'base64'), receivedMs)
    // What is refused again is told to whoever asked, not by a second letter.
    request.takeLetters()
    const [first] = request.tally.errors
    if (refused !== null || first !== undefined) {
      const { reason, detail } = refused ?? first!
      return { outcome: 'refused', reason, detail }
    }
    const before = request.sampleCount
    await settle(request, deps.config.publishTimeoutMs, deps).durable
    return { outcome: 'accepted', samples: before, rows: request.tally.accepted - before }
  }
}

function takePayload(request: PushRequest, subject: string, bytes: Uint8Array, receivedMs: number) {
  if (subject === recordsDoor.path) return takeRecord(request, bytes, receivedMs)
  const parsed = parseObject(bytes)
  if ('reason' in parsed) return parsed
  const item = readSampleItem(parsed.object)
  return 'reason' in item ? item : takeItem(request, item, receivedMs)
}
