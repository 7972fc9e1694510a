import { expect, it } from 'vitest'
import { createDriftlineClient } from './index.ts'

it.each([{ from: new Date('never') }, { to: new Date(Number.NaN) }])(
  'refuses a date that is none as every other failure: %j',
  async (range) => {
    const client = createDriftlineClient({ address: '127.0.0.1:1', apiKey: 'dl_x' })
    const refused = { name: 'DriftlineError', code: 'invalid_argument', retryable: false }
    await expect(client.trackPerformance('host:a', range)).rejects.toMatchObject(refused)
    await expect(client.analyzeProcess('host:a', range)).rejects.toMatchObject(refused)
    client.close()
  },
)
