import { expect, it } from 'vitest'
import { createLatest } from './latest.ts'

const tick = () => new Promise((resolve) => setTimeout(resolve, 0))

it('runs one at a time and then only the newest wish', async () => {
  const seen: number[] = []
  const done: (() => void)[] = []
  const latest = createLatest<number>((wish) => {
    seen.push(wish)
    return new Promise((resolve) => done.push(resolve))
  })
  for (const wish of [1, 2, 3, 4]) latest.want(wish)
  expect(seen).toEqual([1])
  done[0]!()
  await tick()
  expect(seen).toEqual([1, 4])
  done[1]!()
  await tick()
  latest.want(5)
  expect(seen).toEqual([1, 4, 5])
})

it('lets go of everything when cancelled', async () => {
  const seen: string[] = []
  const latest = createLatest<string>(async (wish, signal) => {
    seen.push(wish)
    await tick()
    seen.push(`${wish} ${signal.aborted ? 'aborted' : 'done'}`)
  })
  latest.want('a')
  latest.want('b')
  latest.cancel()
  await tick()
  await tick()
  expect(seen).toEqual(['a', 'a aborted'])
})
