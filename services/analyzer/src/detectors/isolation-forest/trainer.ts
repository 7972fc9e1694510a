import { Worker } from 'node:worker_threads'
import { AppError } from '@driftline/platform/errors'
import type { Component } from '@driftline/platform/lifecycle'
import type { ForestModel } from '@driftline/proto'
import { forestModel, rowsOf } from './train-job.ts'
import type { TrainingJob } from './training.ts'

/** Trains forests on one thread of its own, one after the other, so that nothing that is live waits for it. */
export interface ForestTrainer extends Component {
  /**
   * Takes the job's points over. Errors: `rate_limited` when too many wait (the detector asks again after a while),
   * `timeout` when the thread ended or took too long, `stopped`.
   */
  train(job: TrainingJob): Promise<ForestModel>
}

export interface TrainerOptions {
  /** Jobs that wait. A job takes some tens of milliseconds and about 40 KB. */
  readonly waitingMax?: number
  /** The thread ends when there was nothing to do for so long: it holds some megabytes. */
  readonly idleMs?: number
  /** A job that takes longer is given up, and the thread with it. */
  readonly jobMs?: number
  /** The module of the thread. */
  readonly entry?: WorkerEntry
}

/** A module, or the text of a script. */
export interface WorkerEntry {
  readonly code: string | URL
  readonly isText: boolean
}

interface Waiting {
  readonly job: TrainingJob
  /** Rows of the job: its points are gone to the thread. */
  readonly rows: number
  readonly resolve: (model: ForestModel) => void
  readonly reject: (error: AppError) => void
}

export function createForestTrainer({
  waitingMax = 1024,
  idleMs = 60_000,
  jobMs = 30_000,
  entry = workerEntry(),
}: TrainerOptions = {}): ForestTrainer {
  const waiting: Waiting[] = []
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined
  let current: Waiting | undefined
  let stopped = false

  const endThread = (): Promise<unknown> => {
    clearTimeout(timer)
    const ending = worker
    worker = undefined
    return ending?.terminate() ?? Promise.resolve()
  }

  const giveUp = (of: Worker, cause: unknown): void => {
    // What an earlier thread says after its end is about no job of ours.
    if (of !== worker) return
    const failed = current
    current = undefined
    void endThread()
    failed?.reject(new AppError('timeout', 'a forest was not trained', { retryable: true, cause }))
    next()
  }

  const thread = (): Worker => {
    if (worker !== undefined) return worker
    const made = new Worker(entry.code, { eval: entry.isText, name: 'forest-trainer' })
    worker = made
    made.unref()
    made.on('message', (bytes: Uint8Array) => {
      if (made !== worker) return
      const done = current
      current = undefined
      if (done !== undefined) done.resolve(forestModel(done.job, done.rows, bytes))
      next()
    })
    made.on('error', (error) => giveUp(made, error))
    made.on('exit', (code) => giveUp(made, new Error(`the thread ended with ${code}`)))
    return made
  }

  const next = (): void => {
    clearTimeout(timer)
    if (current !== undefined || stopped) return
    current = waiting.shift()
    if (current === undefined) {
      timer = setTimeout(() => void endThread(), idleMs)
      timer.unref()
      return
    }
    const { points, features, seed } = current.job
    const made = thread()
    timer = setTimeout(() => giveUp(made, new Error(`not done after ${jobMs} ms`)), jobMs)
    timer.unref()
    made.postMessage({ points, features, seed }, [points.buffer as ArrayBuffer])
  }

  return {
    name: 'forest trainer',
    async start() {
      stopped = false
    },
    train(job) {
      if (stopped) return Promise.reject(new AppError('stopped', 'forests are not trained any more'))
      if (waiting.length >= waitingMax) {
        return Promise.reject(new AppError('rate_limited', 'too many forests wait to be trained', { retryable: true }))
      }
      return new Promise((resolve, reject) => {
        waiting.push({ job, rows: rowsOf(job), resolve, reject })
        next()
      })
    },
    async stop() {
      stopped = true
      const left = [...(current === undefined ? [] : [current]), ...waiting.splice(0)]
      current = undefined
      await endThread()
      for (const { reject } of left) reject(new AppError('stopped', 'forests are not trained any more'))
    },
  }
}

/** From source the thread is TypeScript and loads its loader first; in the bundle it stands beside this file. */
const workerEntry = (): WorkerEntry => ({
  code: new URL(import.meta.url.endsWith('.ts') ? './forest-worker-source.mjs' : './forest-worker.js', import.meta.url),
  isText: false,
})
