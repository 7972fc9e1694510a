import { Severity } from '@driftline/proto'
import { expect, test } from 'vitest'
import { type DetectorRig, detectorRig, type NamedFinding } from '../testing/detector-rig.ts'
import { createResourceExhaustion } from './detector.ts'

const burner = 'os:h:burner'

/** A second of a host with 2 cores and 8 GB; groups by name with their cores. */
function second(rig: DetectorRig, at: number, groups: Readonly<Record<string, number>>, hostShare = 1): NamedFinding[] {
  const values: Record<string, number> = { 'host:h cpu': hostShare * 2, 'host:h cpu_share': hostShare }
  for (const [name, cores] of Object.entries(groups)) {
    values[`os:h:${name} cpu`] = cores
    values[`os:h:${name} cpu_share`] = cores / 2
  }
  return rig.bucket(at, values).filter(({ of }) => of !== 'host:h')
}

const seconds = (rig: DetectorRig, count: number, groups: Readonly<Record<string, number>>, hostShare = 1) =>
  Array.from({ length: count }, (_, at) => second(rig, at, groups, hostShare))

test('the group that takes most of a host at its limit is named from the first second on', () => {
  const rig = detectorRig(createResourceExhaustion)
  const found = seconds(rig, 60, { burner: 1.5, tsc: 0.3, node: 0.2 })
  expect(found.every((findings) => findings.length === 1)).toBe(true)
  expect(found[0]).toMatchObject([{ of: burner, metric: 'cpu_share', severity: Severity.WARNING, value: 0.75 }])
  expect(found[0]![0]!.words).toBe("150 %, 75 % of the host's, which is at its limit")
  expect(found[59]![0]!.severity).toBe(Severity.CRITICAL)
})

test.each([
  ['one of many', { burner: 0.7, tsc: 0.6, node: 0.6 }, 1],
  ['a large one beside one as large', { burner: 1, tsc: 0.9 }, 1],
  ['the largest of a host that has more', { burner: 1.5, tsc: 0.1 }, 0.8],
])('%s is not named', (_, groups, hostShare) => {
  expect(seconds(detectorRig(createResourceExhaustion), 60, groups, hostShare).flat()).toEqual([])
})

test('a named group stays named while it falls a little, and is no longer when it has gone down', () => {
  const rig = detectorRig(createResourceExhaustion)
  seconds(rig, 30, { burner: 1, tsc: 0.3 })
  const held = Array.from({ length: 10 }, (_, at) => second(rig, 30 + at, { burner: 0.7, tsc: 0.4 }))
  expect(held.flat()).toHaveLength(10)
  const over = Array.from({ length: 20 }, (_, at) => second(rig, 40 + at, { burner: 0.1, tsc: 0.4 }))
  expect(over.findIndex((findings) => findings.length === 0)).toBeLessThan(8)
  expect(over.at(-1)).toEqual([])
})

test('what has come and gone again and again is not named', () => {
  const rig = detectorRig(createResourceExhaustion)
  for (const at of [0, 100, 200]) {
    rig.bucket(at, {}, [{ process: burner, expectedEnds: 1, alive: 0 }])
  }
  for (let at = 210; at < 240; at++) expect(second(rig, at, { burner: 1.5 })).toEqual([])
})

test('memory has a culprit, too, and a restart changes nothing', () => {
  const rig = detectorRig(createResourceExhaustion)
  const full = { 'host:h memory': 7.8e9, 'host:h memory_share': 0.975 }
  const groups = { 'os:h:leaky memory': 4.9e9, 'os:h:leaky memory_share': 0.6125, 'os:h:db memory': 1e9 }
  for (let at = 0; at < 40; at++) {
    if (at === 20) rig.restart()
    const found = rig.bucket(at, { ...full, ...groups }).filter(({ of }) => of === 'os:h:leaky')
    expect(found).toMatchObject([{ metric: 'memory_share', value: 0.6125 }])
    expect(found[0]!.words).toMatch(/^4.56 GiB, 61.\d % of the host's, which is at its limit$/)
  }
})

test('odd values name nobody and do not throw', () => {
  const rig = detectorRig(createResourceExhaustion)
  expect(second(rig, 0, { burner: Number.NaN, tsc: -1 })).toEqual([])
  expect(rig.bucket(1, { 'host:h cpu_share': 1, 'os:h:a cpu': 2, 'os:h:a cpu_share': 0.2 })).toHaveLength(1)
  expect(rig.bucket(2, { 'host:h cpu': 0, 'host:h cpu_share': 1, 'os:h:a cpu': 2 })).toHaveLength(1)
})
