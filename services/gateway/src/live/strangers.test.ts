import { describe, expect, it } from 'vitest'
import { createStrangers } from './strangers.ts'

describe('places for those who have not signed in', () => {
  it('are few for an address, and few in all', () => {
    const { enter } = createStrangers({ perAddress: 2, total: 3 })
    expect([enter('a'), enter('a')]).not.toContain(null)
    expect(enter('a')).toBeNull()
    expect(enter('b')).not.toBeNull()
    expect(enter('c')).toBeNull()
  })

  it('are given back once', () => {
    const { enter } = createStrangers({ perAddress: 1, total: 1 })
    const leave = enter('a')!
    leave()
    leave()
    expect(enter('a')).not.toBeNull()
    expect(enter('b')).toBeNull()
  })
})
