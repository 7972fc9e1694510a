import { expect, test } from 'vitest'
import { End } from '../table.ts'
import { endKindOf } from './process-reader.ts'

const visible = { argumentsAddress: [140_000] }
const hidden = { argumentsAddress: [0] }

test.each([
  ['an exit with 0', visible, 0, End.success],
  ['a 0 that may be a status that nobody may see', hidden, 0, End.unknown],
  ['an exit with 1', visible, 1 << 8, End.failure],
  ['an exit with 13', visible, 13 << 8, End.failure],
  ['a broken pipe', visible, 13, End.success],
  ['a broken pipe with a core', visible, 13 | 0x80, End.failure],
  ['a kill', visible, 9, End.failure],
  ['a stop that was asked for', visible, 15, End.success],
  ['the same, caught and said by the exit code', visible, 143 << 8, End.success],
  ['Ctrl-C', visible, 2, End.success],
  ['a terminal that was closed', visible, 1, End.success],
  ['an abort', visible, 6 | 0x80, End.failure],
])('%s', (_, memory, exitCode, kind) => {
  expect(endKindOf({ argumentsAddress: Float64Array.from(memory.argumentsAddress) }, 0, exitCode)).toBe(kind)
})
