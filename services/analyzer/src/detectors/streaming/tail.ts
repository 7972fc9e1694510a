import { blocksKept, type StreamingColumns, viewCount } from './columns.ts'
import type { StreamingConfig } from './config.ts'

/** Stands for the logarithm of nothing: below that of the smallest double. */
const LOG_NOTHING = -800
/** A level is at least this far below the largest maximum, so that rounding never looks like a tail. */
const LOG_FLOOR = Math.log(1e-9)
/** Levels are kept as single-precision logarithms: what repeats a level exactly must not seem to exceed it. */
const LEVEL_MARGIN = 1 + 1e-4
/** Surprise is told per this many rows, at any length of block. */
const SURPRISE_ROWS = 40

/** The number of blocks that make the tail when `held` are held. */
function tailBlocks(config: StreamingConfig, held: number): number {
  return Math.max(2, Math.ceil(config.tailShare * held))
}

/**
 * How surprising each of `views` is, in powers of ten, into `surprises`: 2 is what the tail of the block maxima
 * exceeds once in 100 stretches of 40 rows; 0 is no tail event, or too few blocks. The probability is Pareto's
 * averaged over what the index may be (Gamma's posterior), so that few blocks never make certainty.
 */
export function measureSurprise(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  views: Float64Array,
  surprises: Float64Array,
): void {
  surprises.fill(0)
  const held = state.blocksHeld[slot]!
  if (held < config.blocksMin) return
  const tail = tailBlocks(config, held)
  const base = Math.log10(state.rowsHeld[slot]! / (SURPRISE_ROWS * tail))
  const weight = tail + config.tailPriorWeight
  for (let view = 0; view < viewCount; view++) {
    const at = slot * viewCount + view
    const x = views[view]!
    if (!(x > state.tailLevel[at]!)) continue
    const beyond = (Math.log(x) - state.tailLogLevel[at]!) / state.tailSum[at]!
    surprises[view] = Math.min(config.surpriseMax, Math.max(0, base + weight * Math.log10(1 + beyond)))
  }
}

/** Learns a row, and at the end of its block keeps the maxima and measures the tails anew. */
export function learnTails(
  state: StreamingColumns,
  config: StreamingConfig,
  slot: number,
  views: Float64Array,
  top: Float32Array,
): void {
  for (let view = 0; view < viewCount; view++) {
    const at = slot * viewCount + view
    if (views[view]! > state.blockMax[at]!) state.blockMax[at] = views[view]!
  }
  state.blockRows[slot]! += 1
  const wanted = Math.floor(config.blockGrowth * state.rows[slot]!)
  const length = Math.min(config.blockRowsMax, Math.max(config.blockRowsMin, wanted))
  if (state.blockRows[slot]! >= length) closeBlock(state, config, slot, top)
}

function closeBlock(state: StreamingColumns, config: StreamingConfig, slot: number, top: Float32Array): void {
  const head = state.blockHead[slot]!
  const lengthAt = slot * blocksKept + head
  if (state.blocksHeld[slot] === blocksKept) state.rowsHeld[slot]! -= state.blockLength[lengthAt]!
  else state.blocksHeld[slot]! += 1
  state.rowsHeld[slot]! += state.blockRows[slot]!
  state.blockLength[lengthAt] = state.blockRows[slot]!
  state.blockRows[slot] = 0
  state.blockHead[slot] = (head + 1) % blocksKept
  const held = state.blocksHeld[slot]!
  for (let view = 0; view < viewCount; view++) {
    const at = slot * viewCount + view
    const maximum = state.blockMax[at]!
    state.logMaxima[at * blocksKept + head] = maximum > 0 ? Math.log(maximum) : LOG_NOTHING
    state.blockMax[at] = 0
    if (held >= config.blocksMin) measureTail(state, config, at, held, top)
  }
}

/** Hill's estimator over the largest maxima, with the prior's blocks added: few blocks say little about a tail. */
function measureTail(state: StreamingColumns, config: StreamingConfig, at: number, held: number, top: Float32Array) {
  const tail = tailBlocks(config, held)
  findLargest(state.logMaxima, at * blocksKept, held, tail + 1, top)
  const level = Math.max(top[tail]!, top[0]! + LOG_FLOOR, LOG_NOTHING)
  let sum = config.tailPriorWeight / config.tailPriorIndex
  for (let i = 0; i < tail; i++) sum += Math.max(0, top[i]! - level)
  state.tailLogLevel[at] = level
  state.tailLevel[at] = level > LOG_NOTHING ? Math.exp(level) * LEVEL_MARGIN : 0
  state.tailSum[at] = sum
}

/** The `count` largest of `held` values into `top`, largest first. Most values fail the first comparison. */
function findLargest(values: Float32Array, from: number, held: number, count: number, top: Float32Array): void {
  let filled = 0
  for (let i = 0; i < held; i++) {
    const value = values[from + i]!
    if (filled === count && value <= top[count - 1]!) continue
    let place = filled < count ? filled++ : count - 1
    while (place > 0 && top[place - 1]! < value) {
      top[place] = top[place - 1]!
      place--
    }
    top[place] = value
  }
}
