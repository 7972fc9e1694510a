import { deserialize, serialize } from 'node:v8'
import { fromBinary } from '@bufbuild/protobuf'
import { BaselineBatchSchema, topics } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from '../config.ts'
import { createPartitionState, type PartitionState } from '../model/state.ts'
import { type AnalyzerEvent, openPartition, stateOf, step } from '../step.ts'
import { hostEvents } from '../testing/events.ts'

const web = hostEvents('web-1')
const groups = Array.from({ length: 400 }, (_, at) => `g${at}`)
const SECONDS = 190

const scanAt = (second: number): AnalyzerEvent => {
  const values = groups.flatMap((group, at) => [
    [`${group}.cpu`, 1 + ((at * second) % 7)],
    [`${group}.memory`, 1e6 + at],
  ])
  return web.samples(second * 1000 + 300, Object.fromEntries(values))
}
const events = [web.define(groups), ...Array.from({ length: SECONDS }, (_, second) => scanAt(second))]

interface Line {
  readonly event: number
  readonly sequence: number
  readonly bytes: string
  readonly names: string[]
}

/** Records of baselines, each with the number of the event that brought it. */
function linesOf(restartAt = -1): Line[] {
  let partition = openPartition(defaultStepConfig, createPartitionState())
  return events.flatMap((event, at) => {
    if (at === restartAt) {
      const stored = deserialize(serialize(stateOf(partition))) as PartitionState
      partition = openPartition(defaultStepConfig, stored)
    }
    const { records, failures } = step(defaultStepConfig, partition, event).detection
    expect(failures).toEqual([])
    return records.flatMap(({ topic, headers, value }) => {
      if (topic !== topics.baselines.name) return []
      const { minuteTimeMs, process, metric } = fromBinary(BaselineBatchSchema, value)
      const names = process.map((each, row) => `${minuteTimeMs} ${each} ${metric[row]}`)
      return [{ event: at, sequence: Number(headers.sequence), bytes: Buffer.from(value).toString('base64'), names }]
    })
  })
}

const whole = linesOf()

test('a unit of many tracks learns a minute in parts, each track once and in order', () => {
  const names = whole.flatMap((line) => line.names)
  expect(names.length).toBe(3 * 2 * groups.length)
  expect(new Set(names).size).toBe(names.length)
  const sequences = whole.map(({ sequence }) => sequence)
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b))
  // Four parts of 250 tracks at most, a second each.
  expect(new Set(whole.map(({ event }) => event)).size).toBe(3 * 4)
})

test('a restart between the parts is as if there had been none', () => {
  const second = whole[1]!
  expect(linesOf(second.event)).toEqual(whole)
})
