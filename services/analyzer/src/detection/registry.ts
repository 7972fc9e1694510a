import { createBaselines } from '../baseline/baselines.ts'
import { createErrorSpike } from '../detectors/error-spike/detector.ts'
import { createExpression } from '../detectors/expression/detector.ts'
import { createFlapping } from '../detectors/flapping/detector.ts'
import { createIsolationForest } from '../detectors/isolation-forest/detector.ts'
import { createLevelShift } from '../detectors/level/detector.ts'
import { createMissingData } from '../detectors/missing-data/detector.ts'
import { createPerformanceDegradation } from '../detectors/performance-degradation/detector.ts'
import { createProcessDeath } from '../detectors/process-death/detector.ts'
import { createResourceExhaustion } from '../detectors/resource-exhaustion/detector.ts'
import { createRestartLoop } from '../detectors/restart-loop/detector.ts'
import { createStreamingDetector } from '../detectors/streaming/detector.ts'
import { createThreshold } from '../detectors/threshold/detector.ts'
import type { CreateDetector } from './detector.ts'
import type { EngineDeps } from './engine-core.ts'
import { describe } from './words.ts'

/** Every detector, one line per folder. The order is that in which they look at a bucket. */
export const detectors: readonly CreateDetector[] = [
  createErrorSpike,
  createPerformanceDegradation,
  createLevelShift,
  createThreshold,
  createExpression,
  createResourceExhaustion,
  createProcessDeath,
  createRestartLoop,
  createMissingData,
  createFlapping,
  createStreamingDetector,
  createIsolationForest,
]

/** What the engine is made of. */
export const engineParts: EngineDeps = {
  detectors,
  createBaselines,
  describe,
}
