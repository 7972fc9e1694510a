import { expect, it } from 'vitest'
import type { ProcessItem, Status } from '../../api/types.ts'
import { kindOf } from '../../process-id.ts'
import { wallColumns } from './wall.ts'

const item = (processId: string, status: Status, memoryBytes = 1) =>
  ({ processId, kind: kindOf(processId), status, endedAt: null, metrics: { values: { memoryBytes } } }) as ProcessItem
const estate = [
  ...Array.from({ length: 4 }, (_, i) => item(`host:h${i}`, 'ok')),
  ...Array.from({ length: 100 }, (_, i) => item(`os:h1:g${i}`, i === 77 ? 'critical' : i === 5 ? 'silent' : 'ok', i)),
]
const ids = (columns: ReturnType<typeof wallColumns>) =>
  columns.flat().flatMap((block) => block.items.map((one) => one.processId))

it('keeps hosts and what needs attention when there is little room, worst first', () => {
  const columns = wallColumns(estate, 12)
  expect(ids(columns)).toHaveLength(12)
  expect(ids(columns)).toEqual(expect.arrayContaining(['host:h0', 'host:h3', 'os:h1:g77', 'os:h1:g5']))
  const groups = ids(columns).filter((id) => id.startsWith('os'))
  expect(groups.slice(0, 3)).toEqual(['os:h1:g77', 'os:h1:g5', 'os:h1:g99'])
})

it('says once how many had no room, and halves the lines', () => {
  const [first, second] = wallColumns(estate, 12)
  const height = (blocks: typeof first) => blocks.reduce((sum, block) => sum + block.items.length + 1, 0)
  expect(Math.abs(height(first) - height(second))).toBeLessThanOrEqual(2)
  expect([...first, ...second].map((block) => block.left).filter(Boolean)).toEqual([92])
})
