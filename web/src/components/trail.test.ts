import { expect, it } from 'vitest'
import { trailPaths } from './trail.ts'

it('is a dashed line where nothing was seen', () => {
  expect(trailPaths([], 100, 22)).toEqual({ line: '', area: '', gaps: 'M0 18H100' })
  expect(trailPaths([Number.NaN, 0], 100, 22)).toMatchObject({ gaps: 'M0 18H50', line: 'M50 18L100 18' })
})

it('stays flat for little and fills its height for much', () => {
  expect(trailPaths([0.001, 0.001], 100, 22).line).toBe('M0 17.9L50 17.9L100 17.9')
  expect(trailPaths([0, 8], 100, 22).line).toBe('M0 18L50 2L100 2')
})

it('breaks the line at a gap', () => {
  const nothing = Number.NaN
  expect(trailPaths([1, nothing, nothing, nothing, 1], 90, 22).line.match(/M/g)).toHaveLength(2)
})

it('draws through a point or two that came late', () => {
  const nothing = Number.NaN
  expect(trailPaths([1, nothing, nothing, 0.25], 80, 22)).toMatchObject({
    line: 'M0 2L20 6L40 10L60 14L80 14',
    gaps: '',
  })
})

it('draws one dashed stroke per gap', () => {
  const nothing = Number.NaN
  expect(trailPaths([nothing, nothing, 1, nothing], 80, 22).gaps).toBe('M0 18H40M60 18H80')
  expect(trailPaths([nothing, nothing], 80, 22).gaps).toBe('M0 18H80')
})
