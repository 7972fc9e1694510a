import { randomBytes, webcrypto } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { AppError } from '../errors.ts'
import { readSettings } from '../settings.ts'
import { createSealer, type SealedPlace, sealingSettings } from './sealing.ts'

const directory = mkdtempSync(join(tmpdir(), 'driftline-sealing-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const place: SealedPlace = { purpose: 'source-secrets', tenant: 'default', id: 'src_1' }
const canary = 'canary-8d1f-पासवर्ड-\u0000-🙂'

const flip = (text: string, at: number): string => {
  const other = text[at] === 'A' ? 'B' : 'A'
  return text.slice(0, at) + other + text.slice(at + 1)
}

describe('a sealer', () => {
  it.each(['', 'x', canary, 'y'.repeat(1_000_000)])('opens what it sealed', (plain) => {
    const sealer = createSealer({ key })
    const sealed = sealer.seal(place, plain)
    expect(sealed).toMatch(/^v1:[0-9a-f]{8}:[A-Za-z0-9_-]+$/)
    expect(sealer.open(place, sealed)).toBe(plain)
    expect(createSealer({ key }).open(place, sealed)).toBe(plain)
    expect(sealer.seal(place, plain)).not.toBe(sealed)
  })

  it('opens what the first version sealed', () => {
    const sealed = 'v1:a1894a65:AAECAwQFBgcICQoLNDG1aaCR2-Ic1imTHheN14ZcMr-0wQ'
    expect(createSealer({ key }).open(place, sealed)).toBe('s3cret')
  })

  it('makes what any AES-256-GCM opens with the place as associated data', async () => {
    const [form, id, text] = createSealer({ key }).seal(place, canary).split(':')
    const packed = Buffer.from(text!, 'base64url')
    const additionalData = Buffer.from(`2:${form}8:${id}14:source-secrets7:default5:src_1`)
    const imported = await webcrypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
    const iv = packed.subarray(0, 12)
    const plain = await webcrypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, imported, packed.subarray(12))
    expect(Buffer.from(plain).toString('utf8')).toBe(canary)
  })

  it('opens nothing elsewhere, nothing that was changed, and nothing of another key, and tells no secret', () => {
    const sealer = createSealer({ key })
    const sealed = sealer.seal(place, canary)
    const [form, id, text] = sealed.split(':') as [string, string, string]
    const attempts: [string, () => string][] = [
      ['another tenant', () => sealer.open({ ...place, tenant: 'other' }, sealed)],
      ['another id', () => sealer.open({ ...place, id: 'src_2' }, sealed)],
      ['another purpose', () => sealer.open({ ...place, purpose: 'source-request' }, sealed)],
      ['parts moved between tenant and id', () => sealer.open({ ...place, tenant: 'default5', id: ':src_1' }, sealed)],
      ['another key', () => createSealer({ key: randomBytes(32) }).open(place, sealed)],
      ['the key id of another key', () => sealer.open(place, [form, '00000000', text].join(':'))],
      ['another version', () => sealer.open(place, ['v2', id, text].join(':'))],
      ['nothing', () => sealer.open(place, '')],
      ['plain text', () => sealer.open(place, canary)],
      ['too short', () => sealer.open(place, [form, id, text.slice(0, 20)].join(':'))],
      [
        'a shorter tag',
        () =>
          sealer.open(
            place,
            [form, id, Buffer.from(text, 'base64url').subarray(0, -4).toString('base64url')].join(':'),
          ),
      ],
      ['another form of the same bytes', () => sealer.open(place, `${sealed}=`)],
      ['something behind it', () => sealer.open(place, `${sealed}:x`)],
      ...Array.from({ length: text.length }, (_, at): [string, () => string] => [
        `character ${at} changed`,
        () => sealer.open(place, [form, id, flip(text, at)].join(':')),
      ]),
    ]
    for (const [what, attempt] of attempts) {
      let thrown: unknown
      try {
        attempt()
      } catch (error) {
        thrown = error
      }
      expect(thrown, what).toBeInstanceOf(AppError)
      expect(thrown, what).toMatchObject({ code: 'secret_unreadable', retryable: false })
      expect(inspect(thrown, { depth: 9 }), what).not.toContain('canary')
    }
  })

  it('says what to set when it has no key', () => {
    const sealer = createSealer({ advice: 'set DRIFTLINE_SECRET_KEY' })
    expect(() => sealer.seal(place, canary)).toThrow('set DRIFTLINE_SECRET_KEY')
    expect(() => sealer.open(place, 'v1:00000000:AAAA')).toThrow('set DRIFTLINE_SECRET_KEY')
  })
})

describe('the key file', () => {
  it('is made once, for its owner only, and whoever comes later uses it', () => {
    const keyFile = join(directory, 'data', 'secret.key')
    const first = createSealer({ keyFile })
    const sealed = first.seal(place, canary)
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(directory, 'data'))).toEqual(['secret.key'])
    expect(createSealer({ keyFile }).open(place, sealed)).toBe(canary)
    const kept = Buffer.from(readFileSync(keyFile, 'utf8'), 'base64')
    expect(createSealer({ key: kept }).open(place, sealed)).toBe(canary)
  })

  it('is never replaced when it is broken', () => {
    const keyFile = join(directory, 'broken.key')
    writeFileSync(keyFile, 'half a k')
    expect(() => createSealer({ keyFile }).seal(place, 'x')).toThrow(/32 bytes/)
    expect(readFileSync(keyFile, 'utf8')).toBe('half a k')
  })

  it('says why it cannot be made', () => {
    writeFileSync(join(directory, 'file'), '')
    const sealer = createSealer({ keyFile: join(directory, 'file', 'secret.key') })
    expect(() => sealer.seal(place, 'x')).toThrow(AppError)
    expect(() => sealer.seal(place, 'x')).toThrow(/cannot be used/)
  })
})

describe('the setting', () => {
  const read = (text: string) =>
    readSettings({ env: { DRIFTLINE_SECRET_KEY: text }, yaml: {}, file: null }, sealingSettings)

  it('takes 32 bytes in base64', () => {
    expect(read(key.toString('base64')).secretKey).toEqual(key)
  })

  it('takes keys of before, as a list and in a variable', () => {
    const [one, two] = [key.toString('base64'), Buffer.alloc(32, 9).toString('base64')]
    const env = { DRIFTLINE_PREVIOUS_SECRET_KEYS: `${one}, ${two}` }
    const expected = [key, Buffer.alloc(32, 9)]
    expect(readSettings({ env, yaml: {}, file: null }, sealingSettings).previousSecretKeys).toEqual(expected)
    const yaml = { previous_secret_keys: [one, two] }
    expect(readSettings({ env: {}, yaml, file: null }, sealingSettings).previousSecretKeys).toEqual(expected)
    expect(readSettings({ env: {}, yaml: {}, file: null }, sealingSettings).previousSecretKeys).toEqual([])
    const wrong = { DRIFTLINE_PREVIOUS_SECRET_KEYS: `${one},short` }
    expect(() => readSettings({ env: wrong, yaml: {}, file: null }, sealingSettings)).toThrow(/1: must be 32 bytes/)
  })

  it.each([
    'short',
    key.toString('hex'),
    `${key.toString('base64')}AAAA`,
    'not base64 at all, is it? no! not at all!!!',
  ])('refuses %s without repeating it', (text) => {
    expect(() => read(text)).toThrow(/DRIFTLINE_SECRET_KEY: must be 32 bytes in base64/)
    try {
      read(text)
    } catch (error) {
      expect((error as Error).message).not.toContain(text)
    }
  })
})
