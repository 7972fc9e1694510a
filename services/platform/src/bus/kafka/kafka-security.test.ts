import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readKafkaSecurity } from './kafka-security.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kafka-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const read = (env: Record<string, string>) => readKafkaSecurity({ env, yaml: {}, file: null })
const account = { DRIFTLINE_KAFKA_USERNAME: 'driftline', DRIFTLINE_KAFKA_PASSWORD: 'p4ss w0rd' }

describe('how Kafka is reached', () => {
  it('is plain unless something is set', () => {
    expect(read({})).toEqual({})
  })

  it('is by TLS, with an authority of its own if there is one', () => {
    expect(read({ DRIFTLINE_KAFKA_SSL: 'true' })).toEqual({ ssl: true })
    const file = join(directory, 'ca.pem')
    writeFileSync(file, 'the authority')
    expect(read({ DRIFTLINE_KAFKA_SSL: '1', DRIFTLINE_KAFKA_SSL_CA_FILE: file })).toEqual({
      ssl: { ca: ['the authority'] },
    })
  })

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])('is with a password by %s', (mechanism) => {
    const env = { ...account, DRIFTLINE_KAFKA_SSL: 'true', DRIFTLINE_KAFKA_SASL_MECHANISM: mechanism }
    expect(read(env)).toEqual({ ssl: true, sasl: { mechanism, username: 'driftline', password: 'p4ss w0rd' } })
  })

  it.each([
    ['a password without a mechanism', account],
    ['a mechanism without a password', { DRIFTLINE_KAFKA_SASL_MECHANISM: 'scram-sha-512' }],
    ['a password that anybody could read on the way', { ...account, DRIFTLINE_KAFKA_SASL_MECHANISM: 'plain' }],
    ['an authority without TLS', { DRIFTLINE_KAFKA_SSL_CA_FILE: import.meta.filename }],
    ['an authority that is not there', { DRIFTLINE_KAFKA_SSL: 'true', DRIFTLINE_KAFKA_SSL_CA_FILE: '/no/such.pem' }],
    ['an unknown mechanism', { ...account, DRIFTLINE_KAFKA_SASL_MECHANISM: 'gssapi' }],
  ])('refuses %s, without a word of secrets', (_, env) => {
    expect(() => read(env)).toThrow(expect.objectContaining({ code: 'config_invalid' }))
    expect(() => read(env)).not.toThrow(/p4ss/)
  })
})
