import { describe, expect, it } from 'vitest'
import { readGatewayConfig } from '../config.ts'
import { createLimiter } from './limits.ts'
import { ProblemError } from './problems.ts'

describe('the limit of requests', () => {
  it('allows at least 50 a second to a session by default', () => {
    const { rateLimits } = readGatewayConfig({ env: {}, yaml: {}, file: null })
    expect(rateLimits.perSession).toBeGreaterThanOrEqual(50)
  })

  it('lets a page open with a burst, stops a flood, and says when to come back; others go on', async () => {
    const limiter = createLimiter({ perSession: 5, perAddress: 1 })
    for (let request = 0; request < 50; request++) await limiter.session('a')
    const refusal = await limiter.session('a').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ProblemError)
    expect(refusal).toMatchObject({ status: 429, headers: { 'retry-after': expect.stringMatching(/^([1-9]|10)$/) } })
    await limiter.session('b')
    await limiter.address('a')
  })
})
