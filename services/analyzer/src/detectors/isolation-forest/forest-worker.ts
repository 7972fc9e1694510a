import { parentPort } from 'node:worker_threads'
import { trainBytes } from './train-job.ts'
import type { TrainingJob } from './training.ts'

// The thread of the trainer: each message is a job, each answer the bytes of its model, in the same order.
parentPort?.on('message', (job: Pick<TrainingJob, 'points' | 'features' | 'seed'>) => {
  const bytes = trainBytes(job)
  parentPort?.postMessage(bytes, [bytes.buffer as ArrayBuffer])
})
