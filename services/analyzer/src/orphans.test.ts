import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { BusRecord } from '@driftline/platform/bus/bus'
import { AnomalyPhase, AnomalySchema, topics } from '@driftline/proto'
import { describe, expect, it } from 'vitest'
import { endsOfOrphans } from './orphans.ts'

const { OPENED, CHANGED, CLOSED } = AnomalyPhase

function record(
  sequence: number,
  anomaly: MessageInitShape<typeof AnomalySchema>,
  changes: { source?: string; message?: string; value?: Uint8Array } = {},
): BusRecord {
  const { source = 'detector/default/host:a', message = AnomalySchema.typeName } = changes
  return {
    topic: topics.anomalies.name,
    partition: 0,
    offset: sequence,
    key: 'default/host:a',
    storedAtMs: 0,
    headers: {
      'content-type': 'application/protobuf',
      message,
      tenant: 'default',
      source,
      epoch: '1',
      sequence: String(sequence),
    },
    value: changes.value ?? toBinary(AnomalySchema, create(AnomalySchema, anomaly)),
  }
}

const ends = (records: BusRecord[]) =>
  endsOfOrphans(records).map((each) => ({
    ...fromBinary(AnomalySchema, each.value),
    sequence: each.headers.sequence,
    source: each.headers.source,
  }))

describe('anomalies whose state was lost', () => {
  it('end when they were last heard of, after everything that their source has said', () => {
    const records = [
      record(10, {
        id: 'a',
        phase: OPENED,
        startTimeMs: 1000n,
        timeMs: 2000n,
        revision: 1,
        description: 'CPU is high',
      }),
      record(20, { id: 'b', phase: OPENED, startTimeMs: 1000n, timeMs: 2000n, revision: 1 }),
      record(30, {
        id: 'a',
        phase: CHANGED,
        startTimeMs: 1000n,
        timeMs: 9000n,
        revision: 2,
        description: 'CPU is higher',
      }),
      record(40, { id: 'b', phase: CLOSED, startTimeMs: 1000n, endTimeMs: 5000n, timeMs: 6000n, revision: 2 }),
      record(50, { id: 'c', phase: OPENED, startTimeMs: 8000n, timeMs: 8000n, revision: 1 }),
      record(7, { id: 'd', phase: OPENED, timeMs: 1n, revision: 1 }, { source: 'detector/default/host:b' }),
    ]
    expect(ends(records)).toMatchObject([
      {
        id: 'a',
        phase: CLOSED,
        startTimeMs: 1000n,
        endTimeMs: 9000n,
        revision: 3,
        sequence: '51',
        description: 'CPU is higher; detection began anew',
      },
      { id: 'c', phase: CLOSED, endTimeMs: 8000n, sequence: '52' },
      { id: 'd', phase: CLOSED, sequence: '8', source: 'detector/default/host:b' },
    ])
  })

  it.each([
    ['nothing was said', []],
    ['all of them are over', [record(1, { id: 'a', phase: OPENED }), record(2, { id: 'a', phase: CLOSED })]],
    ['they are of another message', [record(1, { id: 'a', phase: OPENED }, { message: 'driftline.v2.Anomaly' })]],
    ['they cannot be read', [record(1, {}, { value: Uint8Array.of(255) })]],
  ])('have no ends where %s', (_, records) => {
    expect(ends(records)).toEqual([])
  })

  it('have one end, however often the state is lost', () => {
    const opened = record(1, { id: 'a', phase: OPENED, timeMs: 5n, revision: 1 })
    const [end] = endsOfOrphans([opened])
    expect(endsOfOrphans([opened, { ...opened, ...end!, partition: 0, offset: 2, storedAtMs: 0 }])).toEqual([])
  })
})
