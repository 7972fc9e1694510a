import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useSession } from './session.ts'

const ada = { user: { username: 'ada', role: 'viewer' } }
let answer: () => Response

beforeEach(async () => {
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', async () => answer())
  answer = () => Response.json(ada)
  await useSession().load()
})
afterEach(() => void vi.unstubAllGlobals())

describe('signing out', () => {
  it.each([204, 401])('is done when the server answers %i: the session is over', async (status) => {
    answer = () => new Response(null, { status })
    expect(await useSession().signOut()).toBe(true)
    expect(useSession().user).toBeNull()
  })

  it.each([
    ['cannot be reached', () => Promise.reject(new TypeError('network'))],
    ['answers 503', () => new Response(null, { status: 503 })],
    ['answers 429', () => new Response(null, { status: 429 })],
  ])('is not done when the server %s: says why, and works when tried again', async (_, failing) => {
    answer = failing as () => Response
    expect(await useSession().signOut()).toBe(false)
    expect(useSession().user?.username).toBe('ada')
    expect(useSession().signOutError).toBeInstanceOf(Error)
    answer = () => new Response(null, { status: 204 })
    expect(await useSession().signOut()).toBe(true)
    expect(useSession()).toMatchObject({ user: null, signOutError: null })
  })
})
