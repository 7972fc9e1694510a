import type { LearningBaselines } from './baselines.ts'

/** Knows nothing and learns nothing: for tests of what stands on its own. */
export function createUnlearntBaselines(): LearningBaselines {
  return {
    isLearnt: () => false,
    centre: () => Number.NaN,
    spread: () => Number.NaN,
    minutes: () => 0,
    moveTo() {},
    learn() {},
    forgetTrack() {},
    state: () => ({}),
    restore() {},
  }
}
