import { describe, expect, it } from 'vitest'
import { isLoopbackHost } from './origin.ts'

describe('a Host header that can only mean this machine', () => {
  it.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '127.1.2.3:1', '[::1]:8080', '[::1]'])(
    'is %s',
    (host) => expect(isLoopbackHost(host)).toBe(true),
  )
  it.each([
    '',
    'evil.example:8080',
    '127.evil.example',
    'localhost.evil.example',
    '192.0.2.1',
    '::1',
    '127.0.0.1.x:80',
  ])('is not "%s"', (host) => expect(isLoopbackHost(host)).toBe(false))
})
