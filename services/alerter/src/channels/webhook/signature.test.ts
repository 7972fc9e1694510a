import { Webhook } from 'standardwebhooks'
import { expect, it } from 'vitest'
import { keyOf, newSecret, signatureHeaders } from './signature.ts'

it('makes the signature of the example in the specification', () => {
  const key = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')!
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1614265330, body: '{"test": 2432232314}' }
  expect(signatureHeaders(key, message)).toEqual({
    'webhook-id': message.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

it('is verified by an independent library, and not when the body was changed', () => {
  const secret = newSecret()
  const body = JSON.stringify({ text: 'naïve “quotes”, 漢字 and 🌋' })
  const timestampSeconds = Math.floor(Date.now() / 1000)
  const headers = signatureHeaders(keyOf(secret)!, { id: 'msg_1', timestampSeconds, body })
  expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body))
  expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow()
})

it.each([
  ['whsec_AAEC', 3],
  ['AAEC', 3],
  ['AAE=', 2],
  ['AAE', 2],
  ['whsec_', null],
  ['not base64!', null],
  ['A', null],
  ['AA\nEC', null],
])('reads the secret %j', (secret, length) => {
  expect(keyOf(secret)?.length ?? null).toBe(length)
})
