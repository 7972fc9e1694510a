import { deserialize, serialize } from 'node:v8'
import { type Anomaly, AnomalyPhase } from '@driftline/proto'
import { expect, test } from 'vitest'
import { defaultStepConfig } from './config.ts'
import { engineParts } from './detection/registry.ts'
import { createMissingData } from './detectors/missing-data/detector.ts'
import { createPartitionState, type PartitionState } from './model/state.ts'
import { type AnalyzerEvent, openPartition, stateOf, step } from './step.ts'
import { deviceEvents, hostEvents, tick } from './testing/events.ts'
import { createLevelDetector } from './testing/level-detector.ts'

type Found = Pick<Anomaly, 'type' | 'phase'>

const parts = { ...engineParts, detectors: [createMissingData, () => createLevelDetector(0.8)] }
const web = hostEvents('web-1')
const press = deviceEvents('press')

/** What comes while the product runs, from a second to another: ticks, and what a host and a device send. */
function running(fromS: number, toS: number, sends: (second: number) => boolean = () => true): AnalyzerEvent[] {
  const events: AnalyzerEvent[] = []
  for (let second = fromS; second < toS; second++) {
    const ms = second * 1000
    if (sends(second)) events.push(web.samples(ms + 300, { 'host.cpu': 0.9 }), press.samples(ms + 300, { level: 0.5 }))
    events.push(tick(ms + 500))
  }
  return events
}

function anomaliesOf(events: readonly AnalyzerEvent[], restartAt = -1): Found[] {
  let partition = openPartition(defaultStepConfig, createPartitionState(), parts)
  return events.flatMap((event, at) => {
    if (at === restartAt) {
      const stored = deserialize(serialize(stateOf(partition))) as PartitionState
      partition = openPartition(defaultStepConfig, stored, parts)
    }
    return step(defaultStepConfig, partition, event).detection.anomalies
  })
}

const before = [web.define([]), press.definition, ...running(0, 200)]
const AWAY_UNTIL_S = 1400
/** The agents notice after a while that the product is back, and send what they have kept. */
const comingBack = running(AWAY_UNTIL_S, AWAY_UNTIL_S + 25, () => false)
const backlog = Array.from({ length: AWAY_UNTIL_S + 25 - 200 }, (_, at): AnalyzerEvent[] => {
  const [ms, storedMs] = [(200 + at) * 1000 + 300, (AWAY_UNTIL_S + 24) * 1000 + 600 + (at >> 2)]
  return [web.samples(ms, { 'host.cpu': 0.9 }, storedMs), press.samples(ms, { level: 0.5 }, storedMs)]
}).flat()

test('while the product was away nobody was silent: nothing is missed, and what lasted goes on', () => {
  const after = running(AWAY_UNTIL_S + 26, AWAY_UNTIL_S + 120)
  const events = [...before, ...comingBack, ...backlog, ...after]
  const found = anomaliesOf(events)
  expect(found.filter(({ phase }) => phase !== AnomalyPhase.CHANGED)).toMatchObject([
    { type: 'level', phase: AnomalyPhase.OPENED },
  ])
  // A restart in the middle of it changes nothing.
  expect(anomaliesOf(events, before.length + 3)).toEqual(found)
})

test('who stays away afterwards is missed', () => {
  const found = anomaliesOf([...before, ...running(AWAY_UNTIL_S, AWAY_UNTIL_S + 70, () => false)])
  const missing = found.filter(({ type }) => type === 'missing_data')
  expect(missing).toMatchObject([{ phase: AnomalyPhase.OPENED }, { phase: AnomalyPhase.OPENED }])
})

test('the first samples may pass the first tick', () => {
  const [firstTick, ...ticks] = comingBack
  const [sample, ...others] = backlog
  const usual = [...before, firstTick!, sample!, ...ticks, ...others]
  expect(anomaliesOf([...before, sample!, firstTick!, ...ticks, ...others])).toEqual(anomaliesOf(usual))
})
