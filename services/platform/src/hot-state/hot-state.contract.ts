import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HotState } from './hot-state.ts'

export interface HotStateUnderTest {
  /** Each call opens another view of the same state, as another process would. */
  open(): HotState
  /** Lets time pass: by a fake clock, or really. */
  pass(ms: number): Promise<void>
}

/** What every hot state does. */
export function describeHotState(title: string, under: () => HotStateUnderTest): void {
  describe(title, () => {
    let state: HotState
    beforeAll(async () => {
      state = under().open()
      await state.start()
    })
    afterAll(() => state.stop())
    const pass = (ms: number): Promise<void> => under().pass(ms)

    describeValues(() => state, pass)
    describeCounters(() => state, pass)
    describeLeases(() => state, pass)

    it('answers stopped after stop, and stops twice', async () => {
      const other = under().open()
      await other.start()
      await other.stop()
      await other.stop()
      await expect(other.get('k')).rejects.toMatchObject({ code: 'stopped' })
      await expect(other.acquireLease('l', 'o', 10)).rejects.toMatchObject({ code: 'stopped' })
    })
  })
}

function describeValues(state: () => HotState, pass: (ms: number) => Promise<void>): void {
  it.each([
    ['empty text', 'k:empty', ''],
    ['quotes, line breaks and protocol', `k'"\r\n*1\r\n$8\r\nFLUSHALL\r\n {}*?[a-z]\\`, `'"\r\n*1\r\n$4\r\nQUIT\r\n`],
    ['text outside the basic plane', 'नमस्ते 🙂', '\u{10FFFF}\uFEFF'],
    ['NUL in a value', 'k:nul', 'a\0b'],
    ['1 MB of text', 'k'.repeat(1024), 'x'.repeat(1_048_576)],
    ['a name of JavaScript', '__proto__', 'constructor'],
  ])('keeps %s', async (_title, key, value) => {
    expect(await state().get(key)).toBeNull()
    await state().set(key, value, 60_000)
    expect(await state().get(key)).toBe(value)
    await state().delete(key)
    expect(await state().get(key)).toBeNull()
    await state().delete(key)
  })

  it.each([
    ['an empty key', '', 'v', 1],
    ['a key with NUL', 'a\0b', 'v', 1],
    ['a key with half a surrogate pair', '\ud800', 'v', 1],
    ['a key that is too long', 'k'.repeat(1025), 'v', 1],
    ['a value with half a surrogate pair', 'k', 'a\udc00', 1],
    ['a value that is too large', 'k', 'x'.repeat(1_048_577), 1],
    ['no lifetime', 'k', 'v', 0],
    ['a negative lifetime', 'k', 'v', -1],
    ['a fraction of a lifetime', 'k', 'v', 1.5],
    ['an endless lifetime', 'k', 'v', Number.POSITIVE_INFINITY],
    ['a lifetime that is no number', 'k', 'v', Number.NaN],
  ])('refuses %s', async (_title, key, value, ttlMs) => {
    await expect(state().set(key, value, ttlMs)).rejects.toMatchObject({ code: 'value_invalid', retryable: false })
  })

  it('forgets a value after its lifetime; setting again starts a new one', async () => {
    await state().set('short', 'v', 300)
    await pass(200)
    await state().set('short', 'w', 300)
    await pass(200)
    expect(await state().get('short')).toBe('w')
    await pass(150)
    expect(await state().get('short')).toBeNull()
  })

  it('accepts a lifetime of a century', async () => {
    await state().set('long', 'v', 100 * 365 * 86_400_000)
    expect(await state().get('long')).toBe('v')
  })
}

function describeCounters(state: () => HotState, pass: (ms: number) => Promise<void>): void {
  it('starts the lifetime at the first increment and at no later one', async () => {
    expect(await state().increment('window', 1, 300)).toBe(1)
    await pass(200)
    expect(await state().increment('window', 2, 300)).toBe(3)
    await pass(150)
    expect(await state().increment('window', 5, 300)).toBe(5)
  })

  it('counts every one of many at once', async () => {
    const counts = await Promise.all(Array.from({ length: 200 }, () => state().increment('many', 1, 60_000)))
    expect([...counts].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
    expect(await state().get('many')).toBe('200')
  })

  it('counts down, and up to the largest safe integer but not beyond', async () => {
    expect(await state().increment('edge', -3, 60_000)).toBe(-3)
    expect(await state().increment('edge', 3, 60_000)).toBe(0)
    expect(await state().increment('edge', Number.MAX_SAFE_INTEGER, 60_000)).toBe(Number.MAX_SAFE_INTEGER)
    await expect(state().increment('edge', 1, 60_000)).rejects.toMatchObject({ code: 'value_invalid' })
    expect(await state().get('edge')).toBe(String(Number.MAX_SAFE_INTEGER))
  })

  it.each([0.5, Number.NaN, 2 ** 53])('refuses to count by %s', async (by) => {
    await expect(state().increment('odd', by, 60_000)).rejects.toMatchObject({ code: 'value_invalid' })
    expect(await state().get('odd')).toBeNull()
  })

  it.each(['text', '', '007', '1.5', '0x10', ' 1'])('refuses to count on from %j', async (value) => {
    await state().set('not a count', value, 60_000)
    await expect(state().increment('not a count', 1, 60_000)).rejects.toMatchObject({ code: 'value_invalid' })
  })
}

function describeLeases(state: () => HotState, pass: (ms: number) => Promise<void>): void {
  it('is held by exactly one of many, until it is released', async () => {
    const owners = Array.from({ length: 50 }, (_, index) => `owner-${index}`)
    const held = await Promise.all(owners.map((owner) => state().acquireLease('contended', owner, 60_000)))
    const winner = owners[held.indexOf(true)]!
    expect(held.filter((won) => won)).toHaveLength(1)
    await state().releaseLease('contended', 'owner-nobody')
    expect(await state().acquireLease('contended', 'owner-late', 60_000)).toBe(false)
    expect(await state().acquireLease('contended', winner, 60_000)).toBe(true)
    await state().releaseLease('contended', winner)
    expect(await state().acquireLease('contended', 'owner-late', 60_000)).toBe(true)
  })

  it('passes to another after its lifetime, which renewing extends', async () => {
    expect(await state().acquireLease('short', 'a', 300)).toBe(true)
    await pass(200)
    expect(await state().acquireLease('short', 'a', 300)).toBe(true)
    await pass(200)
    expect(await state().acquireLease('short', 'b', 300)).toBe(false)
    await pass(150)
    expect(await state().acquireLease('short', 'b', 60_000)).toBe(true)
    expect(await state().acquireLease('short', 'a', 300)).toBe(false)
  })

  it('does not share names with values', async () => {
    await state().set('name', 'a', 60_000)
    expect(await state().acquireLease('name', 'b', 60_000)).toBe(true)
    expect(await state().get('name')).toBe('a')
  })
}
