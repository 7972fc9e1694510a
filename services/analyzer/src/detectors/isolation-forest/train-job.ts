import { create } from '@bufbuild/protobuf'
import { type ForestModel, ForestModelSchema } from '@driftline/proto'
import { encodeModel, trainModel } from './trained-model.ts'
import type { TrainingJob } from './training.ts'

/** Does a job: some milliseconds of work, the same model for the same job. */
export function trainJob({ points, features, seed, trainedFromMs, trainedThroughMs }: TrainingJob): ForestModel {
  return create(ForestModelSchema, {
    trainedFromMs: BigInt(trainedFromMs),
    trainedThroughMs: BigInt(trainedThroughMs),
    seed,
    points: features.length === 0 ? 0 : points.length / features.length,
    features: [...features],
    model: encodeModel(trainModel(points, features, seed)),
  })
}
