import { type Principal, permissionsOf } from '@driftline/platform/access/permissions'
import { describe, expect, it } from 'vitest'
import { createAuthenticator } from './authenticator.ts'
import { createLimiter } from './limits.ts'

const tokenOf = (letter: string): string => `dls_${letter.repeat(43)}`
const VALID = tokenOf('v')
const WHO: Principal = {
  tenant: 'default',
  kind: 'user',
  id: '1',
  name: 'ada',
  role: 'viewer',
  permissions: permissionsOf('viewer'),
  expiresAt: null,
}

/** An address may ask ten times in its window, a session a thousand times; `asked` lists what reached the database. */
function setUp() {
  const asked: string[] = []
  const known = new Set([VALID])
  const access = {
    async authenticate(token: string) {
      asked.push(token)
      return known.has(token) ? WHO : null
    },
  }
  const limiter = createLimiter({ perSession: 100, perAddress: 1 })
  return { ...createAuthenticator({ access, limiter }), asked, known }
}

describe('asking who a caller is', () => {
  it('stops at the limit of the address before the database is asked about more tokens', async () => {
    const { identify, asked } = setUp()
    for (let index = 0; index < 10; index++) expect(await identify(tokenOf(String(index)), '192.0.2.7')).toBeNull()
    await expect(identify(tokenOf('x'), '192.0.2.7')).rejects.toMatchObject({ status: 429 })
    expect(asked).toHaveLength(10)
    expect(await identify(tokenOf('y'), '192.0.2.8')).toBeNull()
  })

  it('never asks the database about what is no token, and counts it', async () => {
    const { identify, asked } = setUp()
    for (const token of ['guess', null, `dls_${'x'.repeat(42)}`, ...Array(7).fill('a')]) {
      expect(await identify(token, '192.0.2.7')).toBeNull()
    }
    await expect(identify(null, '192.0.2.7')).rejects.toMatchObject({ status: 429 })
    expect(asked).toEqual([])
  })

  it('charges the address nothing for valid tokens, and lets them in while a neighbour guesses', async () => {
    const { identify } = setUp()
    for (let index = 0; index < 50; index++) expect(await identify(VALID, '192.0.2.7')).toBe(WHO)
    for (let index = 0; index < 10; index++) await identify('guess', '192.0.2.7')
    await expect(identify('guess', '192.0.2.7')).rejects.toMatchObject({ status: 429 })
    expect(await identify(VALID, '192.0.2.7')).toBe(WHO)
  })

  it('forgets a token that was valid once it is not', async () => {
    const { identify, asked, known } = setUp()
    await identify(VALID, '192.0.2.7')
    known.clear()
    for (let index = 0; index < 10; index++) expect(await identify(VALID, '192.0.2.7')).toBeNull()
    await expect(identify(VALID, '192.0.2.7')).rejects.toMatchObject({ status: 429 })
    expect(asked).toHaveLength(11)
  })
})
