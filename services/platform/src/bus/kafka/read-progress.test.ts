import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createReadProgress } from './read-progress.ts'

it('fails when nothing comes, in a way that is worth another try', async () => {
  const progress = createReadProgress(20, 'reading x')
  await expect(progress.finished).rejects.toMatchObject({ code: 'timeout', retryable: true })
})

it('waits as long as something keeps coming', async () => {
  const progress = createReadProgress(150, 'reading x')
  for (let piece = 0; piece < 5; piece++) {
    await wait(50)
    progress.advance()
  }
  progress.finish()
  await progress.finished
})
