import { describe, expect, it } from 'vitest'
import { describeHotState } from './hot-state.contract.ts'
import { createInProcessHotState } from './in-process-hot-state.ts'

let nowMs = 1_800_000_000_000
const clock = { nowMs: () => nowMs }
const pass = async (ms: number): Promise<void> => {
  nowMs += ms
}

describeHotState('hot state in process', () => ({
  open: () => createInProcessHotState({ maxKeys: 1000 }, { clock }),
  pass,
}))

describe('hot state in process, the bound', () => {
  it('never holds more than maxKeys: expired keys go first, then those that would expire first', async () => {
    const state = createInProcessHotState({ maxKeys: 100 }, { clock })
    await state.set('forever', 'v', 1e12)
    await state.set('expired', 'v', 1)
    await pass(1)
    for (let index = 0; index < 1000; index++) await state.set(`k${index}`, 'v', 1000 + index)
    const held = await Promise.all(Array.from({ length: 1000 }, (_, index) => state.get(`k${index}`)))
    const kept = held.filter((value) => value !== null).length
    expect(kept).toBeLessThan(100)
    expect(kept).toBeGreaterThan(80)
    expect(held.at(-1)).toBe('v')
    expect(await state.get('forever')).toBe('v')
  })

  it('evicts nothing for a key that is already there', async () => {
    const state = createInProcessHotState({ maxKeys: 2 }, { clock })
    await state.set('a', '1', 1000)
    await state.set('b', '1', 2000)
    for (let index = 0; index < 10; index++) await state.set('b', String(index), 3000)
    expect(await state.get('a')).toBe('1')
  })
})
