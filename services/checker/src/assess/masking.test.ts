import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMasker, MASK, maskJson } from './masking.ts'

const SECRET = 'pä"ss w/ör+d&1'

function masking(...secrets: string[]): (text: string) => string {
  const masker = createMasker()
  for (const secret of secrets) masker.add(secret)
  return masker.mask
}

const forms: [string, string][] = [
  ['as it is', SECRET],
  ['percent-encoded', encodeURIComponent(SECRET)],
  ['percent-encoded in lower case', encodeURIComponent(SECRET).replace(/%../g, (each) => each.toLowerCase())],
  ['as a form', new URLSearchParams({ p: SECRET }).toString().slice(2)],
  ['in JSON', JSON.stringify(SECRET).slice(1, -1)],
  ['in base64', Buffer.from(SECRET).toString('base64')],
  ['in base64 for URLs', Buffer.from(SECRET).toString('base64url')],
]
test.each(forms)('masks a secret %s', (_, form) => {
  expect(masking(SECRET)(`a ${form} b`)).toBe(`a ${MASK} b`)
})

test.each(['', 'a', 'ab', 'abc', 'user:'])('masks it inside of base64 after %j', (before) => {
  const text = Buffer.from(`${before}correct horse battery`).toString('base64')
  const masked = masking('correct horse battery')(text)
  expect(masked).toContain(MASK)
  expect(masked.length).toBeLessThan(text.length / 2 + 4)
})

test('longest first, so that nothing of the longer one is left', () => {
  expect(masking('secret', 'secret-and-more')('x secret-and-more secret')).toBe(`x ${MASK} ${MASK}`)
})

test('short ones where they stand alone, empty ones nowhere', () => {
  const mask = masking('a', '42', '', '  ')
  expect(mask('a cat, a=42; 142 4242')).toBe(`${MASK} cat, ${MASK}=${MASK}; 142 4242`)
})

test('each long line of a key', () => {
  const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nabc\n-----END KEY-----'
  const mask = masking(key)
  expect(mask(key)).toBe(MASK)
  expect(mask('got MIIEvQIBADANBgkqhkiG9w0BAQ there')).toBe(`got ${MASK} there`)
})

test('the beginning of one at the end of a text that was cut', () => {
  const masker = createMasker()
  masker.add('opensesame')
  expect(masker.mask('token=openses', { isCut: true })).toBe(`token=${MASK}`)
  expect(masker.mask('token=openses')).toBe('token=openses')
})

test('what is special in patterns is plain text', () => {
  expect(masking('a.*(b)[c]{1}$^|\\/?-+')('x a.*(b)[c]{1}$^|\\/?-+ axxb')).toBe(`x ${MASK} axxb`)
})

test('in values of JSON, and in numbers that are one', () => {
  const masked = maskJson(
    { 'key-opensesame': ['opensesame', { n: 123456, m: 12345678 }] },
    masking('opensesame', '123456'),
  )
  expect(masked).toEqual({ [`key-${MASK}`]: [MASK, { n: MASK, m: MASK }] })
})

test('no secret of four characters or more is left of any text', () => {
  const secret = fc
    .string({ minLength: 4, maxLength: 30, unit: 'binary' })
    .filter((text) => text.trim() !== '' && !MASK.includes(text))
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (text, before, after) => {
      const masked = masking(text)(`${before}${text}${after}`)
      expect(masked.includes(MASK)).toBe(true)
      const json = masking(text)(JSON.stringify({ value: `${text}` }))
      expect(json).toContain(MASK)
    }),
  )
})
