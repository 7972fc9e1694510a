import type { LogPattern } from '@driftline/proto'
import { expect, test } from 'vitest'
import { readColumns } from '../formats/testing/read-lines.ts'
import { createProcessPatterns, type ProcessPatterns } from './process-patterns.ts'

interface Heard {
  readonly patterns: LogPattern[]
  readonly samples: [string, string, number][]
}

function finish(patterns: ProcessPatterns): Heard {
  const heard: Heard = { patterns: [], samples: [] }
  patterns.finish({
    pattern: (pattern) => heard.patterns.push(pattern),
    sample: (process, { metric, attributes }, _, lines) =>
      heard.samples.push([process, `${metric} ${attributes['log.pattern']}`, lines]),
  })
  return heard
}

const plain = (...lines: string[]) => readColumns({ format: 'plain' }, lines)

test('processes are grouped apart, rows carry the id that is told', () => {
  const patterns = createProcessPatterns({ tenant: 'acme', rowsMax: 10 })
  patterns.assign('log:a', plain('job 5 done', 'job 6 done', ''))
  const rowId = (BigInt(patterns.high(1)) << 32n) | BigInt(patterns.low(1))
  expect([patterns.low(2), patterns.high(2)]).toEqual([0, 0])
  patterns.assign('log:b', plain('job 7 done'))
  expect((BigInt(patterns.high(0)) << 32n) | BigInt(patterns.low(0))).not.toBe(rowId)
  const heard = finish(patterns)
  expect(heard.patterns.map(({ tenant, process, template, example }) => [tenant, process, template, example])).toEqual([
    ['acme', 'log:a', 'job <*> done', 'job 5 done'],
    ['acme', 'log:b', 'job <*> done', 'job 7 done'],
  ])
  expect(heard.patterns[0]).toMatchObject({ id: rowId, learning: true, firstSeenMs: BigInt(Date.UTC(2024, 4, 1, 12)) })
  expect(heard.samples[0]).toEqual(['log:a', `log.pattern.lines ${rowId.toString(16).padStart(16, '0')}`, 2])
  expect(finish(patterns)).toEqual({ patterns: [], samples: [] })
})

test('goes on where it was, and keeps a bounded state', () => {
  const first = createProcessPatterns({ tenant: 'acme', rowsMax: 10 })
  first.assign('log:a', plain('job 5 done', 'queue is empty'))
  finish(first)
  const second = createProcessPatterns({ tenant: 'acme', rowsMax: 10 })
  second.restore(first.save())
  second.assign('log:a', plain('job 8 done'))
  expect(finish(second).patterns).toEqual([])

  const many = createProcessPatterns({ tenant: 'acme', rowsMax: 500 })
  const letters = 'abcdefghijklmnopqrst'
  for (let process = 0; process < 40; process++) {
    const lines = Array.from(
      { length: 400 },
      (_, i) => `${letters[i % 20]}${letters[Math.floor(i / 20)]}${'z'.repeat(30)} came`,
    )
    many.assign(`log:h${process}`, plain(...lines))
  }
  finish(many)
  const characters = many.save().reduce((sum, [, text]) => sum + text.length, 0)
  expect(characters).toBeGreaterThan(100_000)
  expect(characters).toBeLessThanOrEqual(262_144)
})
