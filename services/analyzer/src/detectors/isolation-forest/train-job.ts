import { create } from '@bufbuild/protobuf'
import { type ForestModel, ForestModelSchema } from '@driftline/proto'
import { encodeModel, trainModel } from './trained-model.ts'
import type { TrainingJob } from './training.ts'

/** What takes time, some tens of milliseconds: the bytes of the model. The same job gives the same bytes. */
export function trainBytes({ points, features, seed }: Pick<TrainingJob, 'points' | 'features' | 'seed'>): Uint8Array {
  return encodeModel(trainModel(points, features, seed))
}

/** What is published of a job that is done. `points` is the number of rows that it had. */
export function forestModel(job: Omit<TrainingJob, 'points'>, points: number, model: Uint8Array): ForestModel {
  const { features, seed, trainedFromMs, trainedThroughMs } = job
  return create(ForestModelSchema, {
    trainedFromMs: BigInt(trainedFromMs),
    trainedThroughMs: BigInt(trainedThroughMs),
    seed,
    points,
    features: [...features],
    model,
  })
}

/** Rows of a job. */
export const rowsOf = ({ points, features }: Pick<TrainingJob, 'points' | 'features'>): number =>
  features.length === 0 ? 0 : points.length / features.length
