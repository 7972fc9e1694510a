import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBatchScorer } from '../../../services/analyzer/src/detectors/isolation-forest/batch-scorer.ts'
import { scorePoint, trainForest } from '../../../services/analyzer/src/detectors/isolation-forest/forest.ts'
import { encodeForest } from '../../../services/analyzer/src/detectors/isolation-forest/forest-bytes.ts'
import { createRandom } from '../../../services/analyzer/src/detectors/isolation-forest/random.ts'

const POINTS = 10_000
const TRAINING_POINTS = 1024
const ROUNDS = 15

/** Bell-shaped values, the same in every run. */
function bells(seed: bigint, count: number): Float32Array {
  const random = createRandom(seed)
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.nextUnit()))
    return radius * Math.cos(2 * Math.PI * random.nextUnit())
  })
}

/** Fastest and median of some rounds after a warm-up, ms. */
function timed(work: () => void): { fastestMs: number; medianMs: number } {
  for (let round = 0; round < 5; round++) work()
  const rounds = Array.from({ length: ROUNDS }, () => {
    const begin = performance.now()
    work()
    return performance.now() - begin
  }).sort((a, b) => a - b)
  return { fastestMs: rounds[0]!, medianMs: rounds[ROUNDS >> 1]! }
}

const report = (what: string, value: string): void => void process.stdout.write(`${what.padEnd(56)} ${value}\n`)
const ms = (value: number): string => `${value.toFixed(2)} ms`

interface Theirs {
  readonly version: string
  readonly trainMs: number
  readonly fastestMs: number
  readonly medianMs: number
}

function timeTheirs(python: string, featureCount: number, training: Float32Array, points: Float32Array): Theirs {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-forest-'))
  try {
    const files = [join(folder, 'training'), join(folder, 'points')] as const
    writeFileSync(files[0], training)
    writeFileSync(files[1], points)
    const script = join(import.meta.dirname, 'time-scikit-learn.py')
    const env = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
    return JSON.parse(execFileSync(python, [script, String(featureCount), ...files], { env, encoding: 'utf8' }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function compare(featureCount: number, python: string | undefined): void {
  const training = bells(1n, TRAINING_POINTS * featureCount)
  const points = bells(2n, POINTS * featureCount)
  const forest = trainForest(training, featureCount, createRandom(1n))
  const train = timed(() => trainForest(training, featureCount, createRandom(1n)))
  const scorer = createBatchScorer(forest)
  const out = new Float64Array(POINTS)
  const score = timed(() => scorer.scoreBatch(points, out))
  // What a batch costs that comes with a forest that has just been read.
  const prepare = timed(() => createBatchScorer(forest))
  const single = timed(() => {
    for (let row = 0; row < 1000; row++) scorePoint(forest, points, row * featureCount)
  })
  process.stdout.write(`\n${featureCount} features, 100 trees of 256 points, ${encodeForest(forest).length} bytes\n`)
  report(`  score ${POINTS} points: fastest, median`, `${ms(score.fastestMs)}, ${ms(score.medianMs)}`)
  report('  make the scorer of a forest', ms(prepare.medianMs))
  report('  score one point', `${single.medianMs.toFixed(1)} us`)
  report(`  train on ${TRAINING_POINTS} points`, ms(train.medianMs))
  if (python === undefined) return
  const theirs = timeTheirs(python, featureCount, training, points)
  report(`  scikit-learn ${theirs.version}: fastest, median`, `${ms(theirs.fastestMs)}, ${ms(theirs.medianMs)}`)
  report('  scikit-learn, training', ms(theirs.trainMs))
  report('  so many times faster, by the medians', (theirs.medianMs / score.medianMs).toFixed(1))
}

const python = process.argv[2]
if (python === undefined) process.stdout.write('Name a Python that has scikit-learn to compare: see README.md\n')
for (const featureCount of [2, 10, 30]) compare(featureCount, python)
