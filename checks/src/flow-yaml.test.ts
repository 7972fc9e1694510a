import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readFlowsYaml, readFlowYaml, writeFlowsYaml, writeFlowYaml } from './flow-yaml.ts'
import { readFlow } from './read-flow.ts'

const text = `
name: Invoice to Cash
category: Finance
schedules:
  - cron: "0 6 * * *"
    timeZone: Asia/Kolkata
steps:
  - stepName: Log in
    checkType: rest
    checkConfiguration:
      url: https://shop.example/login
      extract:
        token: { of: json, path: $.token, secret: true }
  - stepName: Read
    checkType: api_call
    checkConfiguration:
      url: https://shop.example/invoices
      headers:
        authorization: Bearer {{steps.log_in.token}}
`

test('reads what people write and writes it so that it reads the same', () => {
  const read = readFlowYaml(text)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  expect(read.definition.steps[1]).toMatchObject({ checkType: 'rest', stepName: 'Read' })
  const written = writeFlowYaml(read.definition)
  expect(readFlowYaml(written)).toEqual(read)
  expect(written.split('\n')[0]).toBe('name: Invoice to Cash')
  expect(written).not.toContain('timeoutSeconds')
})

test('reads several', () => {
  const read = readFlowYaml(text)
  const one = read.ok ? read.definition : null
  const several = writeFlowsYaml([one!, { ...one!, name: 'Second' }])
  expect(readFlowsYaml(several)).toMatchObject({ ok: true, definitions: [{ name: one!.name }, { name: 'Second' }] })
  expect(readFlowsYaml(text)).toMatchObject({ ok: true, definitions: [{ name: one!.name }] })
  const broken = several.replace('api_call', 'soap').replace('checkType: rest', 'checkType: soap')
  expect(readFlowsYaml(broken)).toMatchObject({ ok: false, problems: [{ path: 'flows.0.steps.0.checkType' }] })
})

const cases: [string, string, object][] = [
  [
    'a value that is wrong',
    text.replace('$.token', '$.token, pattern: "("'),
    { path: 'steps.0.checkConfiguration.extract.token.pattern', line: 13 },
  ],
  ['a step that is wrong', text.replace('stepName: Read\n', 'stepName: ""\n'), { path: 'steps.1.stepName', line: 14 }],
  ['no YAML', 'name: [', { path: '', line: 1 }],
  ['a list', '- a\n', { path: '' }],
  ['nothing', '', { path: '' }],
  ['too much', 'a'.repeat(1024 * 1024 + 1), { path: '', message: /longer than/ }],
]
test.each(cases)('says where: %s', (_, input, problem) => {
  const read = readFlowYaml(input)
  expect(read).toMatchObject({ ok: false })
  const [first] = read.ok ? [] : read.problems
  const { message, ...place } = problem as { message?: RegExp }
  expect(first).toMatchObject(place)
  if (message !== undefined) expect(first!.message).toMatch(message)
})

test('is not blown up by aliases or depth', () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg']) bomb.push(`${to}: &${to} [${`*${from},`.repeat(9)}]`)
  expect(readFlowYaml(bomb.join('\n'))).toMatchObject({ ok: false })
  expect(readFlowYaml('['.repeat(100_000))).toMatchObject({ ok: false })
})

test('writes every text so that it reads the same', () => {
  const step = fc.record({ stepName: fc.string({ minLength: 1, maxLength: 50 }), body: fc.string({ maxLength: 200 }) })
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 50 }),
      fc.uniqueArray(step, { minLength: 1, maxLength: 3, selector: ({ stepName }) => stepName }),
      (name, steps) => {
        const read = readFlow({
          name,
          steps: steps.map(({ stepName, body }, index) => ({
            stepName,
            key: `k${index}`,
            checkType: 'rest',
            checkConfiguration: { url: 'https://x.example', body, headers: { a: body } },
          })),
        })
        if (read.ok) expect(readFlowYaml(writeFlowYaml(read.definition))).toEqual(read)
      },
    ),
    { numRuns: 200 },
  )
})
