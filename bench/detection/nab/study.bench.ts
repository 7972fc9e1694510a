import { parseArgs } from 'node:util'
import {
  defaultStreamingConfig,
  type StreamingConfig,
} from '../../../services/analyzer/src/detectors/streaming/config.ts'
import { createStreaming } from '../../../services/analyzer/src/detectors/streaming/streaming.ts'
import { makeSeries } from './generate.ts'
import { gain, type LabelledSeries, loadSeries, scoreOf } from './series.ts'
import { createRandom, variants } from './variants.ts'

const MADE_UP = 300
const SPLITS = 200

function alarmRows(series: LabelledSeries, config: StreamingConfig): number[] {
  const detector = createStreaming(config)
  const rows: number[] = []
  for (let row = 0; row < series.values.length; row++) {
    detector.observe(0, series.timesMs[row]!, series.values[row]!)
    if (detector.alarm) rows.push(row)
  }
  return rows
}

const gainsOf = (all: readonly LabelledSeries[], config: StreamingConfig): number[] =>
  all.map((series) => gain(series, alarmRows(series, config)))

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const windowsOf = (all: readonly LabelledSeries[]): number => sum(all.map(({ windows }) => windows.length))
const score = (all: readonly LabelledSeries[], config: StreamingConfig): number =>
  scoreOf(sum(gainsOf(all, config)), windowsOf(all))
const say = (line: string): boolean => process.stdout.write(`${line}\n`)

/** The configurations that the nested choices choose from. */
function candidates(): StreamingConfig[] {
  const all: StreamingConfig[] = []
  for (const threshold of [1.2, 1.4, 1.6, 1.8]) {
    for (const habituation of [0.2, 0.3, 0.4]) {
      for (const silenceRowsMax of [60, 100, 140]) {
        all.push({ ...defaultStreamingConfig, threshold, habituation, silenceRowsMax })
      }
    }
  }
  return all
}

/** For each part of the series, the score there of what scores best on all others. */
function nested(all: readonly LabelledSeries[], gains: readonly number[][], parts: readonly (readonly number[])[]) {
  let total = 0
  let windows = 0
  for (const part of parts) {
    const outside = all.map((_, i) => i).filter((i) => !part.includes(i))
    const best = gains.reduce((a, b) => (sum(outside.map((i) => b[i]!)) > sum(outside.map((i) => a[i]!)) ? b : a))
    total += sum(part.map((i) => best[i]!))
    windows += sum(part.map((i) => all[i]!.windows.length))
  }
  return scoreOf(total, windows)
}

function studyNested(all: readonly LabelledSeries[]): void {
  const gains = candidates().map((config) => gainsOf(all, config))
  const groups = [...new Set(all.map(({ group }) => group))]
  const rowsOf = (group: string) => all.flatMap((series, i) => (series.group === group ? [i] : []))
  say(`leave one group out, ${gains.length} candidates: ${nested(all, gains, groups.map(rowsOf)).toFixed(1)}`)
  const random = createRandom(1)
  const halves = Array.from({ length: SPLITS }, () => {
    const order = all.map((_, i) => ({ i, key: random() })).sort((a, b) => a.key - b.key)
    return nested(all, gains, [order.slice(0, Math.floor(all.length / 2)).map(({ i }) => i)])
  })
  const mean = sum(halves) / SPLITS
  const deviation = Math.sqrt(sum(halves.map((half) => (half - mean) ** 2)) / SPLITS)
  say(`half against half, ${SPLITS} splits: ${mean.toFixed(1)} +- ${deviation.toFixed(1)}`)
}

function main(): void {
  const { values } = parseArgs({ options: { nab: { type: 'string' } } })
  if (!values.nab) throw new Error('usage: npx tsx bench/detection/nab/study.bench.ts --nab DIR')
  const all = loadSeries(values.nab)
  const madeUp = Array.from({ length: MADE_UP }, (_, seed) => makeSeries(seed + 1))
  const sets = Object.entries(variants).map(([name, vary]) => ({ name, series: all.map(vary) }))
  say('score at the default threshold')
  for (const { name, series } of sets) say(`  ${name.padEnd(24)} ${score(series, defaultStreamingConfig).toFixed(1)}`)
  say(`  ${`${MADE_UP} made-up series`.padEnd(24)} ${score(madeUp, defaultStreamingConfig).toFixed(1)}`)
  say('threshold: as it is, mean over the variants, made-up series')
  for (const threshold of [1, 1.2, 1.4, 1.6, 1.8, 2]) {
    const config = { ...defaultStreamingConfig, threshold }
    const scores = sets.map(({ series }) => score(series, config))
    const figures = [scores[0]!, sum(scores) / scores.length, score(madeUp, config)]
    say(`  ${threshold.toFixed(1)}  ${figures.map((figure) => figure.toFixed(1)).join('  ')}`)
  }
  studyNested(all)
}

main()
