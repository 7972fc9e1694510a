import { describe, expect, test } from 'vitest'
import type { DetectionSettings } from '../../api/types.ts'
import { draftOf, limitWords, markedAt, readDraft, refusedBy, settingsWords } from './detection.ts'

const plain: DetectionSettings = { disabledTypes: [], thresholds: [], expressions: [] }
const full: DetectionSettings = {
  enabled: false,
  disabledTypes: ['flapping'],
  degradationShare: 0.35,
  errorSpikeMultiple: 5,
  exhaustionShare: 0.9,
  sensitivity: 0.7,
  thresholds: [{ metric: 'memory', above: 2e9, forSeconds: 60, severity: 'critical' }],
  expressions: [{ name: 'hot', expression: 'rate(temperature, 1m) > 5', severity: 'warning' }],
}

describe('the form', () => {
  test('gives back what it was made of', () => {
    expect(readDraft(draftOf(plain))).toEqual({ body: plain, problems: new Map() })
    expect(readDraft(draftOf(full)).body).toEqual(full)
  })
  test('reads numbers as people write them, and names the fields that are none', () => {
    const draft = { ...draftOf(plain), sensitivity: '0,5', degradationPercent: 'much' }
    const { body, problems } = readDraft(draft)
    expect(body.sensitivity).toBe(0.5)
    expect(body).not.toHaveProperty('degradationShare')
    expect([...problems]).toEqual([['degradationShare', 'is no number']])
  })
  test.each([
    ['cpu', 0.8, '80', '80.0 %'],
    ['error_rate', 0.05, '5', '5.00 %'],
    ['memory', 512 * 2 ** 20, '512', '512 MiB'],
    ['disk_write', 2_000_000, '2000', '2.0 MB/s'],
    ['execution_time', 250, '250', '250 ms'],
    ['process.unix.file_descriptor.count', 900, '900', '900'],
  ])('types a limit of %s at %d as %s', (metric, above, typed, said) => {
    const settings = { ...plain, thresholds: [{ metric, above, forSeconds: 0, severity: 'warning' as const }] }
    const draft = draftOf(settings)
    expect(draft.thresholds[0]?.above).toBe(typed)
    expect(readDraft(draft).body).toEqual(settings)
    expect(limitWords(metric, above)).toBe(said)
  })
  test('wants a limit of a threshold, and words of an expression', () => {
    const draft = draftOf(plain)
    draft.thresholds.push({ metric: '', above: ' ', below: '', forSeconds: '', severity: 'warning' })
    draft.expressions.push({ name: '', expression: ' ', severity: 'warning' })
    expect([...readDraft(draft).problems.keys()]).toEqual([
      'thresholds.0.metric',
      'thresholds.0',
      'expressions.0.expression',
    ])
  })
  test('names an expression after itself where nobody did', () => {
    const draft = draftOf(plain)
    draft.expressions.push({ name: '', expression: 'cpu > 2', severity: 'warning' })
    expect(readDraft(draft).body.expressions[0]?.name).toBe('cpu > 2')
  })
})

describe('what the server refused', () => {
  test('is known by its field', () => {
    expect([...refusedBy([{ parameter: 'body.sensitivity', reason: 'is too large' }])]).toEqual([
      ['sensitivity', 'is too large'],
    ])
  })
  test.each([
    [
      { offset: 4, length: 3 },
      { before: 'cpu ', wrong: '>> ', after: '2' },
    ],
    [
      { offset: 8, length: 0 },
      { before: 'cpu >> 2', wrong: ' ', after: '' },
    ],
    [
      { offset: 0, length: 0 },
      { before: '', wrong: 'c', after: 'pu >> 2' },
    ],
    [{}, null],
    [{ offset: 99 }, null],
  ])('is marked at %o', (error, marked) => expect(markedAt('cpu >> 2', error)).toEqual(marked))
})

test('what differs is said in a sentence', () => {
  expect(settingsWords(plain)).toBe('As everywhere.')
  expect(settingsWords(full)).toBe('Not judged at all.')
  expect(settingsWords({ ...full, enabled: true })).toBe(
    '1 limit, 1 expression, 1 type off, sensitivity 0.7, bounds of its own.',
  )
})
