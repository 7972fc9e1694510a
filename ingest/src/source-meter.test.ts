import { expect, it } from 'vitest'
import { createSourceMeter, type MeterOfBoard } from './source-meter.ts'

interface Rig {
  readonly meter: MeterOfBoard
  /** Reads after so many seconds. */
  after(seconds: number): ReturnType<MeterOfBoard['read']>
}

function createRig(): Rig {
  let nowMs = 1_700_000_000_000
  const clock = { nowMs: () => nowMs }
  const meter = createSourceMeter(clock)
  return {
    meter,
    after(seconds) {
      nowMs += seconds * 1000
      return meter.read(nowMs)
    },
  }
}

it('rates are those of the last ten seconds, and fall to nothing when nothing comes', () => {
  const { meter, after } = createRig()
  for (let turn = 0; turn < 20; turn++) {
    meter.events(200, 20_000, Number.NaN)
    meter.durable(100, 0, Number.NaN)
    const { eventsPerSecond, samplesPerSecond, bytesPerSecond } = after(2)
    expect({ eventsPerSecond, samplesPerSecond, bytesPerSecond }).toEqual({
      eventsPerSecond: 100,
      samplesPerSecond: 50,
      bytesPerSecond: 10_000,
    })
  }
  meter.events(2000, 0, Number.NaN)
  expect(after(2).eventsPerSecond).toBe(280)
  for (let turn = 0; turn < 4; turn++) after(2)
  expect(after(2)).toMatchObject({ eventsPerSecond: 0, samplesPerSecond: 0, bytesPerSecond: 0, events: 6000 })
})

it('rates hold when the board was late, and after a long pause', () => {
  const { meter, after } = createRig()
  after(2)
  meter.events(3000, 0, 1)
  expect(after(30).eventsPerSecond).toBe(100)
  expect(after(3600).eventsPerSecond).toBe(0)
})

it('an even flow changes nothing but the totals; an idle source changes nothing', () => {
  const { meter, after } = createRig()
  meter.state('receiving')
  meter.events(7, 70, 1_699_999_999_000)
  for (let turn = 0; turn < 8; turn++) after(2)
  expect(after(2)).toEqual(after(2))
})

it('keeps twenty reasons and who has too many series, and counts the rest together', () => {
  const { meter, after } = createRig()
  for (let reason = 0; reason < 1000; reason++) meter.refused(`reason_${reason}`, `detail ${reason}`, 's')
  meter.refused('reason_3', 'again', 'x'.repeat(10_000), 50)
  meter.refused('series_too_many', 'who has too many', 's', 2)
  const { refused } = after(2)
  expect(refused).toHaveLength(20)
  expect(refused[0]).toMatchObject({ reason: 'other', count: 982 })
  expect(refused[1]).toMatchObject({ reason: 'reason_3', count: 51, detail: 'again' })
  expect(refused[2]).toMatchObject({ reason: 'series_too_many', detail: 'who has too many' })
  expect(refused.reduce((sum, { count }) => sum + count, 0)).toBe(1052)
  expect(refused[1]!.subject.length).toBeLessThanOrEqual(500)
})

it('knows since when it is in a state, and begins to receive by itself', () => {
  const { meter, after } = createRig()
  expect(after(2)).toMatchObject({ state: 'waiting', message: '', lastEventMs: null, lagMs: null })
  meter.state('failed', 'the broker is away')
  const failed = after(2)
  meter.state('failed', 'the broker is still away')
  expect(after(2)).toMatchObject({ state: 'failed', message: 'the broker is still away', sinceMs: failed.sinceMs })
  meter.events(1, 1, 5)
  expect(after(2).state).toBe('failed')
  meter.state('waiting')
  meter.events(1, 1, 3)
  meter.durable(0, 1, -50)
  expect(after(2)).toMatchObject({ state: 'receiving', message: '', lastEventMs: 5, lagMs: 0 })
})

it('shows a list as it is when it is asked for, bounded', () => {
  const { meter, after } = createRig()
  let perSecond = 1
  const part = { name: 'n'.repeat(5000), lastMs: null, detail: 'd'.repeat(5000), failed: true }
  meter.parts(() => Array.from({ length: 500 }, () => ({ ...part, perSecond })))
  expect(after(2).parts).toHaveLength(200)
  perSecond = 123.456
  const [first] = after(2).parts
  expect(first).toMatchObject({ perSecond: 123, failed: true })
  expect(first!.name.length).toBe(1024)
  expect(first!.detail.length).toBe(300)
})
