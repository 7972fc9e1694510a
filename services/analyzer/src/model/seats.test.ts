import { EndKind } from '@driftline/proto'
import { describe, expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { openPartition, step } from '../step.ts'
import { hostEvents, tick } from '../testing/events.ts'
import { createPartitionState } from './state.ts'

const web = hostEvents('web-1')
const { SUCCESS, FAILURE, UNSPECIFIED } = EndKind

/** One run of a program, in seconds after the start; `parent` and `command` name its seat. */
interface Run {
  readonly from: number
  readonly to: number
  readonly kind?: EndKind
  readonly parent?: number
  readonly command?: string
  readonly group?: string
}

/** Unexpected ends and restarts of `app` that a partition sees when frames come each second. */
function seen(runs: readonly Run[]): { failed: number; restarts: number } {
  const partition = openPartition(defaultStepConfig, createPartitionState())
  const rows = runs.map((run, at) => ({ ...run, pid: 100 + at }))
  const total = { failed: 0, restarts: 0 }
  const last = Math.max(...runs.map(({ to }) => to)) + 30
  for (let second = 0; second <= last; second++) {
    const started = rows
      .filter(({ from }) => (second === 0 ? from <= 0 : from === second))
      .map((row) => [row.pid, row.from * 1000, row.group ?? 'app', row.parent ?? 1, row.command ?? 'app'] as const)
    const ended = rows
      .filter(({ to }) => to === second)
      .map(({ pid, from, kind }) => [pid, from * 1000, kind ?? UNSPECIFIED] as const)
    step(defaultStepConfig, partition, web.frame(second * 1000, { keyFrame: second === 0, started, ended }))
    const host = partition.state.hosts.get(web.hostKey)!
    const slot = host.slotOf.get(web.group('app')) ?? -1
    for (const bucket of host.buckets) {
      if (bucket.startMs !== host.table.frameTimeMs) continue
      total.failed += bucket.unexpectedEnds.get(slot) ?? 0
      total.restarts += bucket.restarts.get(slot) ?? 0
    }
  }
  step(defaultStepConfig, partition, tick((last + 9) * 1000))
  return total
}

/** A first run of two minutes and more, then short ones two seconds apart. */
const chain = (kind: EndKind, seat: (turn: number) => Partial<Run> = () => ({})): Run[] => [
  { from: -120, to: 5, kind, ...seat(0) },
  ...[1, 2, 3, 4].map((turn) => ({ from: turn * 7, to: turn * 7 + 5, kind, ...seat(turn) })),
]

describe('a restart', () => {
  test.each([
    ['unseen', chain(UNSPECIFIED), { failed: 4, restarts: 4 }],
    ['seen to fail', chain(FAILURE), { failed: 5, restarts: 4 }],
    [
      'after a longer wait, which supervisors take after failures',
      [
        { from: -120, to: 5, kind: FAILURE },
        { from: 65, to: 66, kind: FAILURE },
        { from: 130, to: 131 },
      ],
      { failed: 2, restarts: 2 },
    ],
    [
      'of runs of more than a minute that differ in length',
      [
        { from: -120, to: 5 },
        { from: 6, to: 96 },
        { from: 97, to: 170 },
        { from: 171, to: 175 },
      ],
      { failed: 3, restarts: 3 },
    ],
  ])('%s', (_, runs, expected) => {
    expect(seen(runs)).toEqual(expected)
  })
})

describe('no restart', () => {
  const none = { failed: 0, restarts: 0 }
  test.each([
    ['under another parent', chain(UNSPECIFIED, (turn) => ({ parent: 50 + turn })), none],
    ['with other words', chain(UNSPECIFIED, (turn) => ({ command: `app -n ${turn}` })), none],
    ['of what ended well', chain(SUCCESS), none],
    ['of what never ran for a minute', chain(UNSPECIFIED).slice(1), none],
    ['of another group', [{ from: -120, to: 5, group: 'other' }, ...chain(UNSPECIFIED).slice(1)], none],
    [
      'after it was gone for half a minute',
      [
        { from: -120, to: 5 },
        { from: 35, to: 40 },
      ],
      none,
    ],
    ['of a worker while others go on', [{ from: -200, to: 60 }, ...chain(UNSPECIFIED)], none],
    [
      'of what runs for as long each time, but once',
      [-58, 3, 64, 125, 186].map((from) => ({ from, to: from + 60, command: 'sleep 60' })),
      { failed: 1, restarts: 1 },
    ],
  ])('%s', (_, runs, expected) => {
    expect(seen(runs)).toEqual(expected)
  })
})
