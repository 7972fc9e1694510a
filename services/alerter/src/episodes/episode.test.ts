import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWorld } from '../testing/world.ts'
import { alertIdOf, type Episode, type Finding, SYSTEM, stepEpisode, stepRequest } from './episode.ts'

const finding = (changes: Partial<Finding> = {}): Finding => ({
  tenant: 'default',
  id: 'an_1',
  revision: 1,
  closed: false,
  process: 'os:web-1:nginx',
  type: 'error_spike',
  severity: 'warning',
  description: 'many errors',
  storedAtMs: 1000,
  ...changes,
})
const match = { rule: 'warning_anomaly', channels: null, recipients: ['webhook:https://example.org'] }
const config = { flapMs: 60_000 }
const nothing = { link: null, episode: null, othersActive: false }

function opened(changes: Partial<Episode> = {}): Episode {
  const step = stepEpisode(config, nothing, finding(), match)
  if (step.verdict !== 'emit' || step.change === null) throw new Error('it does not open')
  return { ...step.change.episode, ...changes }
}
const link = { alertId: opened().id, active: true, revision: 1 }

describe('a record of an anomaly', () => {
  it('opens an episode whose id follows from it', () => {
    expect(opened()).toMatchObject({ id: alertIdOf('default', 'an_1'), status: 'open', version: 1, openedAtMs: 1000 })
  })

  it('makes nothing where no rule wants it, until it is bad enough', () => {
    expect(stepEpisode(config, nothing, finding(), null)).toMatchObject({ verdict: 'skip', reason: 'no_rule' })
    expect(stepEpisode(config, nothing, finding({ revision: 2 }), match)).toMatchObject({ change: { event: 'opened' } })
  })

  it('is dropped when it is a repeat', () => {
    const view = { link, episode: opened(), othersActive: false }
    expect(stepEpisode(config, view, finding(), match)).toMatchObject({ verdict: 'skip', reason: 'repeat' })
  })

  it.each([
    ['worse', { severity: 'critical' as const }, 'worsened'],
    ['says more', { description: 'very many errors' }, 'changed'],
    ['says nothing new', {}, undefined],
  ])('that is %s', (_what, changes, event) => {
    const view = { link, episode: opened(), othersActive: false }
    const step = stepEpisode(config, view, finding({ revision: 2, ...changes }), match)
    expect(step.verdict === 'emit' ? step.change?.event : 'skip').toBe(event)
  })

  it('of another anomaly of the key joins what is open', () => {
    const view = { link: null, episode: opened(), othersActive: false }
    const step = stepEpisode(config, view, finding({ id: 'an_2' }), match)
    expect(step).toMatchObject({
      link: { alertId: opened().id },
      change: { event: 'changed', episode: { version: 2 } },
    })
  })

  it('that closes the last one resolves the episode, acknowledged or not', () => {
    for (const status of ['open', 'acknowledged'] as const) {
      const view = { link, episode: opened({ status }), othersActive: false }
      const step = stepEpisode(config, view, finding({ revision: 2, closed: true, storedAtMs: 5000 }), match)
      expect(step).toMatchObject({
        link: { active: false },
        change: { event: 'resolved', episode: { status: 'resolved', resolvedBy: SYSTEM, resolvedAtMs: 5000 } },
      })
    }
  })

  it('that closes one of several leaves it open', () => {
    const view = { link, episode: opened(), othersActive: true }
    const step = stepEpisode(config, view, finding({ revision: 2, closed: true }), match)
    expect(step).toMatchObject({ link: { active: false }, change: null })
  })

  const resolved = (resolvedBy: string) =>
    opened({ status: 'resolved', resolvedBy, resolvedAtMs: 2000, version: 2, severity: 'warning' })
  it.each([
    ['soon after its end', SYSTEM, 2500, 'warning', 'reopened'],
    ['soon after its end, and worse', SYSTEM, 2500, 'critical', 'worsened'],
    ['long after its end', SYSTEM, 62_000, 'warning', 'opened'],
    ['after a person resolved it', 'user:1', 2500, 'warning', 'opened'],
  ] as const)('of a new anomaly %s', (_what, by, storedAtMs, severity, event) => {
    const view = { link: null, episode: resolved(by), othersActive: false }
    const step = stepEpisode(config, view, finding({ id: 'an_2', storedAtMs, severity }), match)
    expect(step).toMatchObject({ change: { event } })
  })

  it('does not open again what a person resolved', () => {
    const view = { link, episode: resolved('user:1'), othersActive: false }
    const step = stepEpisode(config, view, finding({ revision: 2, severity: 'critical' }), match)
    expect(step).toMatchObject({ verdict: 'emit', change: null, link: { revision: 2 } })
  })

  it('that comes after its end changes nothing', () => {
    const first = stepEpisode(config, nothing, finding({ revision: 3, closed: true }), match)
    expect(first).toMatchObject({ link: { alertId: null, active: false, revision: 3 }, change: null })
    if (first.verdict !== 'emit') throw new Error('it was skipped')
    const late = stepEpisode(config, { ...nothing, link: first.link }, finding({ revision: 1 }), match)
    expect(late).toMatchObject({ verdict: 'skip', reason: 'repeat' })
  })
})

describe('an alert that somebody asked for', () => {
  it('opens by the rule of its own, and waits for people when the anomaly is over', () => {
    expect(stepRequest(nothing, finding(), [])).toMatchObject({
      link: { active: true },
      change: { event: 'opened', episode: { rule: 'requested' } },
    })
    const over = { ...nothing, link: { alertId: null, active: false, revision: 7 } }
    expect(stepRequest(over, finding(), [])).toMatchObject({ link: { active: false, revision: 7 } })
  })

  it('is not made twice', () => {
    expect(stepRequest({ link, episode: opened(), othersActive: false }, finding(), [])).toBeNull()
  })
})

describe('whatever comes in whatever order', () => {
  const severity = fc.constantFrom('info' as const, 'warning' as const, 'critical' as const)
  const story = fc.record({
    severities: fc.array(severity, { minLength: 1, maxLength: 4 }),
    process: fc.constantFrom('a', 'b'),
    closes: fc.boolean(),
  })
  const stories = fc.array(story, { minLength: 1, maxLength: 5 })

  /** Records of several anomalies, each told from its opening to its end. */
  const recordsOf = (told: { severities: Finding['severity'][]; process: string; closes: boolean }[]): Finding[] =>
    told.flatMap(({ severities, process, closes }, which) => [
      ...severities.map((each, index) => finding({ id: `an_${which}`, revision: index + 1, process, severity: each })),
      ...(closes
        ? [finding({ id: `an_${which}`, revision: severities.length + 1, process, closed: true, severity: 'info' })]
        : []),
    ])
  const shuffled = stories.chain((told) => {
    const records = recordsOf(told)
    const order = fc.array(fc.nat({ max: records.length - 1 }), { maxLength: records.length * 2 })
    const whole = fc.shuffledSubarray(records, { minLength: records.length })
    return fc.record({ records: whole, repeats: order, gapMs: fc.constantFrom(1, 100_000) })
  })

  it('there is one open episode of a key while an anomaly of it lasts, and none after', () => {
    fc.assert(
      fc.property(shuffled, ({ records, repeats, gapMs }) => {
        const world = createWorld(config)
        const all = [...records, ...repeats.map((index) => records[index]!)]
        for (const [index, record] of all.entries()) world.take({ ...record, storedAtMs: index * gapMs })
        world.checkConsistency()
        const closed = new Set(records.filter((each) => each.closed).map(({ id }) => id))
        for (const { id, active } of world.links()) if (closed.has(id)) expect(active).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('a repeat of the whole changes nothing', () => {
    fc.assert(
      fc.property(shuffled, ({ records }) => {
        const world = createWorld(config)
        for (const record of records) world.take(record)
        const before = world.snapshot()
        for (const record of records) world.take({ ...record, storedAtMs: 9_000_000 })
        // What no rule wants is looked at again, and still not wanted.
        expect(world.snapshot()).toEqual(before)
      }),
      { numRuns: 300 },
    )
  })

  it('in order, each key ends as its anomalies do', () => {
    fc.assert(
      fc.property(stories, (told) => {
        const world = createWorld(config)
        for (const record of recordsOf(told)) world.take(record)
        for (const process of ['a', 'b']) {
          const own = told.filter((each) => each.process === process)
          const lasts = own.some((each) => !each.closes && each.severities.some((name) => name !== 'info'))
          expect(world.openEpisodes().filter((each) => each.process === process).length).toBe(lasts ? 1 : 0)
        }
      }),
      { numRuns: 300 },
    )
  })
})
