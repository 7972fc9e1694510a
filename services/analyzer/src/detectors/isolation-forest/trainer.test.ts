import { afterEach, expect, test } from 'vitest'
import { createRandom } from './random.ts'
import { trainBytes } from './train-job.ts'
import { decodeModel } from './trained-model.ts'
import { createForestTrainer, type ForestTrainer, type TrainerOptions } from './trainer.ts'
import type { TrainingJob } from './training.ts'

const started: ForestTrainer[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((trainer) => trainer.stop()))
})

function startTrainer(options: TrainerOptions = {}): ForestTrainer {
  const trainer = createForestTrainer(options)
  started.push(trainer)
  return trainer
}

/** A thread that does as the text says. */
const threadOf = (text: string): TrainerOptions => ({ entry: { code: text, isText: true } })

function jobOf(seed: bigint): TrainingJob {
  const random = createRandom(seed)
  return {
    tenant: 'default',
    process: 'os:web-1:nginx',
    seed,
    features: ['cpu', 'memory'],
    points: Float32Array.from({ length: 200 }, () => random.nextUnit()),
    trainedFromMs: 1000,
    trainedThroughMs: 2000,
    effectiveTimeMs: 3000,
  }
}

test('a thread trains what the job itself would, one job after the other', async () => {
  const trainer = startTrainer()
  const models = await Promise.all([1n, 2n, 3n].map((seed) => trainer.train(jobOf(seed))))
  expect(models.map(({ seed }) => seed)).toEqual([1n, 2n, 3n])
  for (const model of models) {
    expect(model).toMatchObject({ trainedFromMs: 1000n, trainedThroughMs: 2000n, points: 100 })
    expect(model.features).toEqual(['cpu', 'memory'])
    expect(model.model).toEqual(trainBytes(jobOf(model.seed)))
    expect(decodeModel(model.model).kind).toBe('model')
  }
}, 30_000)

test('more than may wait are refused', async () => {
  const trainer = startTrainer({ ...threadOf('setInterval(() => {}, 1000)'), waitingMax: 2 })
  const taken = [1n, 2n, 3n].map((seed) => trainer.train(jobOf(seed)))
  await expect(trainer.train(jobOf(4n))).rejects.toMatchObject({ code: 'rate_limited', retryable: true })
  await trainer.stop()
  for (const each of taken) await expect(each).rejects.toMatchObject({ code: 'stopped' })
  await expect(trainer.train(jobOf(5n))).rejects.toMatchObject({ code: 'stopped' })
})

test('a thread that ends or hangs costs its job alone', async () => {
  const dies = `const { parentPort } = require('node:worker_threads')
let jobs = 0
parentPort.on('message', ({ seed }) => {
  if (seed === 1n) process.exit(3)
  if (seed === 2n) throw new Error('broken')
  if (seed === 3n) for (;;) {}
  parentPort.postMessage(new Uint8Array([Number(seed)]))
})`
  const trainer = startTrainer({ ...threadOf(dies), jobMs: 1000 })
  const outcomes = await Promise.allSettled([1n, 2n, 3n, 4n].map((seed) => trainer.train(jobOf(seed))))
  const of = outcomes.map((each) => (each.status === 'fulfilled' ? [...each.value.model] : each.reason.code))
  expect(of).toEqual(['timeout', 'timeout', 'timeout', [4]])
}, 30_000)

test('after a rest it works again', async () => {
  const trainer = startTrainer({ idleMs: 1 })
  const first = await trainer.train(jobOf(1n))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect((await trainer.train(jobOf(1n))).model).toEqual(first.model)
}, 30_000)
