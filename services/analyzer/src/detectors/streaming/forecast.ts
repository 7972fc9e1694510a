import { forecasterCount, halfHours, type StreamingColumns, weekHours } from './columns.ts'
import type { StreamingConfig } from './config.ts'

const HALF_HOUR_MS = 1_800_000
const HOUR_MS = 3_600_000

/** What is expected of a row before it is seen. Reused for every row; times of day and week are UTC. */
export interface Forecast {
  /** Places of the row's half hour and hour of the week in their columns. */
  half: number
  hour: number
  /** The mixed forecast, from the origin of the slot. */
  expected: number
  /** What is usual in this half hour, and whether enough is known of it. */
  usual: number
  usualKnown: boolean
  /** What each forecaster says. */
  readonly opinions: Float64Array
}

export function createForecast(): Forecast {
  return { half: 0, hour: 0, expected: 0, usual: 0, usualKnown: false, opinions: new Float64Array(forecasterCount) }
}

function placeIn(timeMs: number, unitMs: number, units: number): number {
  const place = Math.floor(timeMs / unitMs) % units
  return place < 0 ? place + units : place
}

/** Mixes the forecasters, each by the inverse square of its errors of late. Changes no state. */
export function predict(state: StreamingColumns, slot: number, timeMs: number, forecast: Forecast): void {
  const half = slot * halfHours + placeIn(timeMs, HALF_HOUR_MS, halfHours)
  const hour = slot * weekHours + placeIn(timeMs, HOUR_MS, weekHours)
  const recent = state.longMean[slot]!
  const usualKnown = state.halfHourCount[half]! >= 2
  const usual = usualKnown ? state.halfHourMean[half]! : recent
  const ofWeek = state.weekHourCount[hour]! >= 1 ? state.weekHourMean[hour]! : usual
  const { opinions } = forecast
  opinions[0] = recent
  opinions[1] = state.slowMean[slot]!
  opinions[2] = state.centre[slot]!
  opinions[3] = usual
  opinions[4] = usual + state.halfHourShift[slot]!
  opinions[5] = ofWeek + state.weekHourShift[slot]!
  forecast.half = half
  forecast.hour = hour
  forecast.usual = usual
  forecast.usualKnown = usualKnown
  forecast.expected = mix(state.forecastError, slot * forecasterCount, opinions)
}

/** Weights are told from the smallest error, so that they depend on no scale and nothing overflows. */
function mix(errors: Float64Array, from: number, opinions: Float64Array): number {
  let least = errors[from]!
  for (let i = 1; i < forecasterCount; i++) if (errors[from + i]! < least) least = errors[from + i]!
  let sum = 0
  let weights = 0
  for (let i = 0; i < forecasterCount; i++) {
    const error = errors[from + i]!
    const ratio = error > least ? least / error : 1
    sum += ratio * ratio * opinions[i]!
    weights += ratio * ratio
  }
  return sum / weights
}

/** Lets the forecasters see the row they forecast. The running means are the caller's. */
export function learnForecast(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  value: number,
  forecast: Forecast,
): void {
  const { half, hour, opinions } = forecast
  const from = slot * forecasterCount
  const trust = Math.min(config.trustRows, state.rows[slot]!)
  for (let i = 0; i < forecasterCount; i++) {
    state.forecastError[from + i]! += (Math.abs(value - opinions[i]!) - state.forecastError[from + i]!) / trust
  }
  if (forecast.usualKnown) {
    state.halfHourShift[slot]! += (value - forecast.usual - state.halfHourShift[slot]!) / config.middleRows
  }
  if (state.weekHourCount[hour]! >= 1) {
    const shift = value - state.weekHourMean[hour]!
    state.weekHourShift[slot]! += (shift - state.weekHourShift[slot]!) / config.middleRows
  }
  if (state.halfHourCount[half]! < config.seasonRowsMax) state.halfHourCount[half]! += 1
  state.halfHourMean[half]! += (value - state.halfHourMean[half]!) / state.halfHourCount[half]!
  if (state.weekHourCount[hour]! < config.seasonRowsMax) state.weekHourCount[hour]! += 1
  state.weekHourMean[hour]! += (value - state.weekHourMean[hour]!) / state.weekHourCount[hour]!
}
