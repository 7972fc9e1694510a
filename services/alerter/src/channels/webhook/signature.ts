import { createHmac, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'

/** The key in a secret of Standard Webhooks: base64, with or without `whsec_`. Null when it is not base64. */
export function keyOf(secret: string): Buffer | null {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null
  const key = Buffer.from(encoded, 'base64')
  return key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '') ? key : null
}

/** A new secret of 32 random bytes. */
export function newSecret(): string {
  return `${PREFIX}${randomBytes(32).toString('base64')}`
}

/**
 * The headers of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), by which a receiver knows who sent the
 * body and when, and that it has had it before. `timestampSeconds` is that of the attempt.
 */
export function signatureHeaders(
  key: Buffer,
  { id, timestampSeconds, body }: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const signature = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': `v1,${signature}` }
}
