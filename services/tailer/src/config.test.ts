import { expect, test } from 'vitest'
import { readTailerConfig } from './config.ts'

test('the file of settings is never read as a log: it may hold passwords', () => {
  const config = readTailerConfig({ env: {}, yaml: {}, file: '/etc/driftline/driftline.yaml' })
  expect(config.deniedFiles).toEqual(['/etc/driftline/driftline.yaml'])
})
