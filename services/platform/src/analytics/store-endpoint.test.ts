import { expect, it } from 'vitest'
import { endpointOfUrl } from './store-endpoint.ts'

it('takes user, password and database out of the URL', () => {
  const endpoint = endpointOfUrl('https://us%40er:p%3Aw@ch.example:8443/metrics')
  const user = { username: 'us@er', password: 'p:w' }
  expect(endpoint).toEqual({ url: 'https://ch.example:8443', database: 'metrics', writer: user, reader: user })
})

it('falls back to the usual user and our database', () => {
  expect(endpointOfUrl('http://localhost:8123')).toMatchObject({
    database: 'driftline',
    writer: { username: 'default', password: '' },
  })
})

it.each(['not a url', 'tcp://localhost:9000', 'http://localhost/a b', 'http://localhost/x;drop'])(
  'refuses %s',
  (url) => {
    expect(() => endpointOfUrl(url)).toThrow()
  },
)
