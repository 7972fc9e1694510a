import { expect, it } from 'vitest'
import { escapeName, hostOf, idParts, kindOf, readableId, unescapeName } from './process-id.ts'

it('reads ids as people write them', () => {
  expect(readableId('os:web-1:my~20app')).toEqual({ path: 'os/web-1/', last: 'my app' })
  expect(readableId('host:web-1')).toEqual({ path: 'host/', last: 'web-1' })
  expect(idParts('log:payments')).toEqual(['log', 'payments'])
})

it.each(['plain', 'kernel threads', 'a:b/c', 'प्रोसेस', '~', '~4', '<b>'])('gives %s back after escaping', (name) => {
  expect(unescapeName(escapeName(name))).toBe(name)
  expect(escapeName(name)).toMatch(/^[A-Za-z0-9._~-]*$/)
})

it('leaves a broken escape as it stands', () => expect(unescapeName('a~zz')).toBe('a~zz'))

it('knows kind and host', () => {
  expect(kindOf('os:web-1:nginx')).toBe('os')
  expect(kindOf('strange')).toBe('service')
  expect(hostOf('os:web-1:nginx')).toBe('web-1')
  expect(hostOf('flow:a')).toBeNull()
})
