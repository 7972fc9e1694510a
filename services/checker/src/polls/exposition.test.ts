import { expect, it } from 'vitest'
import { readExposition, readLabels } from './exposition.ts'

interface Read {
  readonly samples: [string, string, number, number][]
  readonly wrong: [number, string][]
  readonly types: Record<string, string>
  readonly units: Record<string, string>
}

function read(text: string, isOpenMetrics = false): Read {
  const out: Read = { samples: [], wrong: [], types: {}, units: {} }
  readExposition(text, isOpenMetrics, {
    sample: (name, labels, value, timeMs) => out.samples.push([name, labels, value, timeMs]),
    type: (name, type) => {
      out.types[name] = type
    },
    unit: (name, unit) => {
      out.units[name] = unit
    },
    wrong: (line, why) => out.wrong.push([line, why]),
  })
  return out
}

it.each([
  ['a plain sample', 'up 1', ['up', '', 1, Number.NaN]],
  [
    'labels',
    'http_requests_total{code="200",method="post"} 1027',
    ['http_requests_total', 'code="200",method="post"', 1027, Number.NaN],
  ],
  ['a time in milliseconds', 'a 3 1395066363000', ['a', '', 3, 1_395_066_363_000]],
  ['an exponent', 'a -1.5e-3', ['a', '', -0.0015, Number.NaN]],
  ['infinity', 'a{le="+Inf"} +Inf', ['a', 'le="+Inf"', Number.POSITIVE_INFINITY, Number.NaN]],
  ['a value that is not a number by name', 'a NaN', ['a', '', Number.NaN, Number.NaN]],
  ['braces and quotes in labels', 'a{path="C:\\\\\\"}{x"} 1', ['a', 'path="C:\\\\\\"}{x"', 1, Number.NaN]],
  ['blanks', '  a  { b = "c" , }   1   2  ', ['a', ' b = "c" , ', 1, 2]],
  ['a line that Windows ended', 'a 1\r\n', ['a', '', 1, Number.NaN]],
])('reads %s', (_title, text, sample) => {
  expect(read(text)).toMatchObject({ samples: [sample], wrong: [] })
})

it('takes times of OpenMetrics as seconds and leaves exemplars out', () => {
  const text = 'a_total{b="c#d"} 17 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67\n# EOF\n'
  expect(read(text, true).samples).toEqual([['a_total', 'b="c#d"', 17, 1_520_879_607_789]])
})

it('tells types and units, and passes over help and comments', () => {
  const text = '# HELP a It is.\n# TYPE a counter\n# UNIT a seconds\n# nothing\n#\na 1'
  expect(read(text)).toMatchObject({ types: { a: 'counter' }, units: { a: 'seconds' }, wrong: [] })
})

it.each([
  ['{a="b"} 1', 'begins with no metric name'],
  ['a', 'has no value'],
  ['a{b="c" 1', 'has labels that do not end'],
  ['a one', 'has a value that is no number: one'],
  ['a 0x10', 'has a value that is no number: 0x10'],
  ['a 1 soon', 'has a time that is no number: soon'],
  ['a 1 2 3', 'has more after its value and time: 3'],
  ['<html>', 'begins with no metric name'],
])('tells what is wrong with %s, and reads on', (line, why) => {
  expect(read(`${line}\nb 2`)).toMatchObject({ samples: [['b', '', 2, Number.NaN]], wrong: [[1, why]] })
})

it('passes over a line that is too long', () => {
  const { samples, wrong } = read(`a{b="${'x'.repeat(70_000)}"} 1\nb 2`)
  expect(samples).toHaveLength(1)
  expect(wrong).toEqual([[1, 'is longer than 65536 characters']])
})

it.each([
  ['', {}],
  ['a="b"', { a: 'b' }],
  ['a="b",c="d",', { a: 'b', c: 'd' }],
  ['a="line\\nbreak \\"quoted\\" back\\\\slash"', { a: 'line\nbreak "quoted" back\\slash' }],
  ['a=b', null],
  ['a="b', null],
  ['a="b" c="d"', null],
  ['a="b",a="c"', null],
  ['__proto__="x"', null],
  ['1a="b"', null],
])('reads the labels %j', (text, labels) => {
  expect(readLabels(text)).toEqual(labels)
})
