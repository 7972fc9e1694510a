import { Severity } from '@driftline/proto'
import type { Detector } from '../detection/detector.ts'

/** Reports every track above a level, and a critical one above twice that: the simplest detector, for tests. */
export function createLevelDetector(
  level: number,
  changes: Partial<Pick<Detector, 'type' | 'openAfterMs' | 'closeAfterMs'>> = {},
): Detector {
  const forgotten: number[] = []
  return {
    type: 'level',
    openAfterMs: 3000,
    closeAfterMs: 2000,
    ...changes,
    onBucket(bucket, context) {
      for (let i = 0; i < bucket.count; i++) {
        const value = bucket.value[i]!
        if (value <= level) continue
        const track = bucket.track[i]!
        context.report({
          process: context.tracks.process[track]!,
          track,
          severity: value > 2 * level ? Severity.CRITICAL : Severity.WARNING,
          value,
          expectedLow: Number.NaN,
          expectedHigh: level,
          centre: Number.NaN,
          score: 0,
        })
      }
    },
    forgetTrack: (track) => void forgotten.push(track),
    state: () => ({ forgotten }),
    restore(state) {
      forgotten.push(...(state['forgotten'] as number[]))
    },
  }
}
