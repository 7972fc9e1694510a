import { createBaselines } from '../baseline/baselines.ts'
import { createPerformanceDegradation } from '../detectors/performance-degradation/detector.ts'
import { createThreshold } from '../detectors/threshold/detector.ts'
import type { CreateDetector } from './detector.ts'
import type { EngineDeps } from './engine-core.ts'

/** Every detector, one line per folder. The order is that in which they look at a bucket. */
export const detectors: readonly CreateDetector[] = [createPerformanceDegradation, createThreshold]

/** What the engine is made of. */
export const engineParts: EngineDeps = {
  detectors,
  createBaselines,
  describe: ({ type, process, metric, value }) => `${type} of ${process}: ${metric} ${value}`,
}
