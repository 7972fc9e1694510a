import { MetricKind } from '@driftline/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FilterDefinition, filterDefinition } from './definitions/filter.ts'
import { createFilterState, createMetricFilter, createSampleFilter, filterReasons } from './filter.ts'

type Sample = readonly [seconds: number, value: number]

function outcomes(
  definition: Partial<FilterDefinition>,
  samples: readonly Sample[],
  kind = MetricKind.GAUGE,
): string[] {
  const filter = createSampleFilter(filterDefinition.parse(definition))
  const state = createFilterState()
  state.reset(0)
  return samples.map(([seconds, value]) => filterReasons[filter(state, 0, kind, seconds * 1000, value)]!)
}

describe('levels', () => {
  test.each<[string, Partial<FilterDefinition>, Sample[], string[]]>([
    [
      'a repeat is left out',
      {},
      [
        [0, 1],
        [0, 1],
        [1, 1],
      ],
      ['kept', 'duplicate', 'kept'],
    ],
    [
      'a repeat is kept when asked',
      { duplicates: false },
      [
        [0, 1],
        [0, 1],
      ],
      ['kept', 'kept'],
    ],
    [
      'another value of the same time is no repeat',
      {},
      [
        [0, 1],
        [0, 2],
      ],
      ['kept', 'kept'],
    ],
    [
      'what does not change is left out',
      { unchanged: true },
      [
        [0, 5],
        [1, 5],
        [2, 6],
        [3, 6],
      ],
      ['kept', 'unchanged', 'kept', 'unchanged'],
    ],
    [
      'what does not change is kept once a minute',
      { unchanged: true },
      [
        [0, 5],
        [59, 5],
        [60, 5],
        [61, 5],
      ],
      ['kept', 'unchanged', 'kept', 'unchanged'],
    ],
    [
      'noise is measured from what was kept, so a slow rise is seen',
      { noiseBand: { absolute: 1 } },
      [
        [0, 10],
        [1, 10.5],
        [2, 10.9],
        [3, 11],
      ],
      ['kept', 'within_noise_band', 'within_noise_band', 'kept'],
    ],
    [
      'noise as a share',
      { noiseBand: { share: 0.1 } },
      [
        [0, -100],
        [1, -109],
        [2, -110],
      ],
      ['kept', 'within_noise_band', 'kept'],
    ],
    [
      'zero has no share',
      { noiseBand: { share: 0.1 } },
      [
        [0, 0],
        [1, 0.001],
      ],
      ['kept', 'kept'],
    ],
    [
      'half of the samples',
      { samplingRate: 0.5 },
      [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
      ],
      ['kept', 'sampled_out', 'kept', 'sampled_out'],
    ],
    [
      'at most one in ten seconds',
      { minIntervalSeconds: 10 },
      [
        [0, 1],
        [9.999, 2],
        [10, 3],
      ],
      ['kept', 'too_frequent', 'kept'],
    ],
    [
      'an older sample is not held against newer ones',
      { unchanged: true, minIntervalSeconds: 10 },
      [
        [100, 1],
        [50, 1],
      ],
      ['kept', 'kept'],
    ],
  ])('%s', (_, definition, samples, expected) => {
    expect(outcomes(definition, samples)).toEqual(expected)
  })
})

test('what is counted is never left out: each sample is a part of a sum', () => {
  const all = { unchanged: true, noiseBand: { absolute: 100 }, samplingRate: 0.1, minIntervalSeconds: 60 }
  const samples: Sample[] = [
    [0, 1],
    [0, 1],
    [1, 1],
    [2, 1],
  ]
  for (const kind of [MetricKind.DELTA, MetricKind.CUMULATIVE]) {
    expect(outcomes(all, samples, kind)).toEqual(['kept', 'kept', 'kept', 'kept'])
  }
})

test('property: whatever is left out, a minute never passes without a sample while samples come', () => {
  const definition = { unchanged: true, noiseBand: { absolute: 5 }, samplingRate: 0.01 }
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.double({ noNaN: true, min: -10, max: 10 })), {
        minLength: 2,
      }),
      (steps) => {
        let seconds = 0
        const samples = steps.map(([step, value]) => {
          seconds += step
          return [seconds, value] as const
        })
        const kept = samples.filter((_, at) => outcomes(definition, samples.slice(0, at + 1)).at(-1) === 'kept')
        let last = samples[0]![0]
        for (const [at] of [...kept, samples.at(-1)!]) {
          expect(at - last).toBeLessThan(60 + 20)
          last = at
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('the share that is kept is the share that was asked for', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.05, max: 1, noNaN: true }), (samplingRate) => {
      const samples = Array.from({ length: 1000 }, (_, at) => [at / 1000, at] as const)
      const kept = outcomes({ samplingRate }, samples).filter((outcome) => outcome === 'kept').length
      expect(Math.abs(kept - 1000 * samplingRate)).toBeLessThanOrEqual(2)
    }),
    { numRuns: 30 },
  )
})

test.each<[Partial<FilterDefinition>, string, boolean]>([
  [{}, 'a.b', true],
  [{ only: ['a.*'] }, 'a.b', true],
  [{ only: ['a.*'] }, 'b.a', false],
  [{ except: ['*.debug'] }, 'a.debug', false],
  [{ only: ['a.*'], except: ['a.b'] }, 'a.b', false],
])('%j lets %s through: %s', (definition, metric, expected) => {
  expect(createMetricFilter(filterDefinition.parse(definition))(metric)).toBe(expected)
})
