import { describe, expect, it } from 'vitest'
import { fieldsToSend, kindWords, missingFields } from './credential-form.ts'

describe('the form of a credential', () => {
  it('sends secrets only when somebody typed them', () => {
    expect(fieldsToSend('basic', { username: 'robot' })).toEqual({ username: 'robot' })
    expect(fieldsToSend('basic', { username: 'robot', password: 'p' })).toEqual({ username: 'robot', password: 'p' })
    expect(fieldsToSend('ssh_key', { username: 'u', passphrase: null })).toEqual({
      ...{ username: 'u', passphrase: null, hostKey: null },
    })
  })

  it('fills in what holds by default', () => {
    expect(fieldsToSend('api_key', { name: 'X-Key', value: 'v' })).toEqual({ in: 'header', name: 'X-Key', value: 'v' })
  })

  it('knows what is missing: a stored secret is not, one that is taken away is', () => {
    expect(missingFields('basic', {}, [])).toEqual(['username', 'password'])
    expect(missingFields('basic', { username: 'u' }, ['password'])).toEqual([])
    expect(missingFields('basic', { username: 'u', password: null }, ['password'])).toEqual(['password'])
    expect(missingFields('s3', { accessKeyId: 'a', secretAccessKey: 's' }, [])).toEqual([])
  })

  it('has words for every field once', () => {
    for (const { fields } of Object.values(kindWords)) {
      expect(new Set(fields.map(({ name }) => name)).size).toBe(fields.length)
    }
  })
})
