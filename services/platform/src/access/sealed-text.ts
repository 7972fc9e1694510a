import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { AppError } from '../errors.ts'

export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORM = 'v1'

/** What a sealed text is for and whose it is: it opens nowhere else. */
export interface SealedPlace {
  readonly purpose: 'source-secrets' | 'source-request' | 'data-key' | 'credential'
  readonly tenant: string
  readonly id: string
}

/** A key of 32 bytes, and the name by which sealed texts say that it sealed them. */
export interface NamedKey {
  readonly id: string
  readonly bytes: Buffer
}

/** Tells keys apart without telling anything of them. 8 hexadecimal digits. */
export function keyId(key: Buffer): string {
  return createHash('sha256').update('driftline key id').update(key).digest('hex').slice(0, 8)
}

/** `v1:<key id>:<base64url of nonce, ciphertext and tag>`: AES-256-GCM with a random nonce. */
export function sealText(key: NamedKey, place: SealedPlace, plain: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce)
  cipher.setAAD(associated(place, key.id))
  const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${FORM}:${key.id}:${sealed.toString('base64url')}`
}

/**
 * `keyOf` answers the key of an id, null when it is not there; `missing` is what to say then.
 * Errors: `secret_unreadable`, without a word of what is sealed.
 */
export function openText(
  keyOf: (id: string) => NamedKey | null,
  place: SealedPlace,
  sealed: string,
  missing: string,
): string {
  const [form, sealedWith = '', text = '', ...rest] = sealed.split(':')
  const packed = Buffer.from(text, 'base64url')
  const isWhole = packed.length >= NONCE_BYTES + TAG_BYTES && packed.toString('base64url') === text
  if (form !== FORM || rest.length > 0 || !isWhole) throw unreadable('it is no sealed text of this version')
  const key = keyOf(sealedWith)
  if (key === null) throw unreadable(missing)
  try {
    const options = { authTagLength: TAG_BYTES }
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, packed.subarray(0, NONCE_BYTES), options)
    decipher.setAAD(associated(place, key.id))
    decipher.setAuthTag(packed.subarray(-TAG_BYTES))
    const plain = decipher.update(packed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8')
    return plain + decipher.final('utf8')
  } catch {
    throw unreadable('it was changed after it was sealed, or belongs elsewhere; type it anew')
  }
}

/** Name of the key that sealed it; empty for what is no sealed text. */
export function sealedWith(sealed: string): string {
  const [form, id = ''] = sealed.split(':', 2)
  return form === FORM ? id : ''
}

/** How every text begins that the key sealed, for `like`. */
export const sealedBeginning = (key: Pick<NamedKey, 'id'>): string => `${FORM}:${key.id}:`

function unreadable(why: string): AppError {
  return new AppError('secret_unreadable', `A sealed secret cannot be read: ${why}`)
}

/** Each part with its length, so that no two places make the same bytes. */
function associated({ purpose, tenant, id }: SealedPlace, sealedBy: string): Buffer {
  return Buffer.from([FORM, sealedBy, purpose, tenant, id].map((part) => `${Buffer.byteLength(part)}:${part}`).join(''))
}
