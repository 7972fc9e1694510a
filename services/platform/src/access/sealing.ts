import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { unusable } from '../data-dir.ts'
import { AppError } from '../errors.ts'
import { setting } from '../settings.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const FORM = 'v1'

/** What a sealed text is for and whose it is: it opens nowhere else. */
export interface SealedPlace {
  readonly purpose: 'source-secrets' | 'source-request'
  readonly tenant: string
  readonly id: string
}

/**
 * Keeps secrets that have to be read again, such as a broker's password: AES-256-GCM with a random nonce, the place as
 * associated data. Errors of both: `secret_unreadable`, also without a key; `data_dir_unusable` and `disk_full` when
 * the key's file cannot be made. No error names what is sealed.
 */
export interface Sealer {
  /** `v1:<key id, 8 hex digits>:<base64url of nonce, ciphertext and tag>`. */
  seal(place: SealedPlace, plain: string): string
  open(place: SealedPlace, sealed: string): string
}

export type SealerConfig =
  /** 32 bytes. */
  | { readonly key: Buffer }
  /** Made on first use, readable by its owner only. */
  | { readonly keyFile: string }
  /** Sealing is refused; `advice` says what to set. */
  | { readonly advice: string }

export const sealingSettings = {
  secretKey: setting(
    'secret_key',
    z
      .string()
      .transform((text, context) => {
        const key = Buffer.from(text.trim(), 'base64')
        if (key.length === KEY_BYTES && /^[A-Za-z0-9+/_-]{43}=?$/.test(text.trim())) return key
        context.addIssue({
          code: 'custom',
          message: 'must be 32 bytes in base64, such as `openssl rand -base64 32` makes',
        })
        return z.NEVER
      })
      .nullable(),
    null,
    'Key that passwords of sources are sealed with: 32 bytes in base64, the same for all services. A process that is all of the installation makes one in its data directory without it',
  ),
}

export function createSealer(config: SealerConfig): Sealer {
  let kept: { readonly key: Buffer; readonly id: string } | null = null
  const key = (): { readonly key: Buffer; readonly id: string } => {
    if (kept !== null) return kept
    if ('advice' in config) throw new AppError('secret_unreadable', config.advice)
    const bytes = 'key' in config ? config.key : readOrMakeKey(config.keyFile)
    kept = { key: bytes, id: keyId(bytes) }
    return kept
  }
  return {
    seal(place, plain) {
      const { key: bytes, id } = key()
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', bytes, nonce)
      cipher.setAAD(associated(place, id))
      const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${FORM}:${id}:${sealed.toString('base64url')}`
    },
    open(place, sealed) {
      const { key: bytes, id } = key()
      const [form, sealedWith, text = '', ...rest] = sealed.split(':')
      const packed = Buffer.from(text, 'base64url')
      const isWhole = packed.length >= NONCE_BYTES + TAG_BYTES && packed.toString('base64url') === text
      if (form !== FORM || rest.length > 0 || !isWhole) throw unreadable('it is no sealed text of this version')
      if (sealedWith !== id) {
        throw unreadable('it was sealed with another key; set DRIFTLINE_SECRET_KEY to the key of then, or type it anew')
      }
      try {
        const decipher = createDecipheriv('aes-256-gcm', bytes, packed.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        })
        decipher.setAAD(associated(place, id))
        decipher.setAuthTag(packed.subarray(-TAG_BYTES))
        const plain = decipher.update(packed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8')
        return plain + decipher.final('utf8')
      } catch {
        throw unreadable('it was changed after it was sealed, or belongs elsewhere; type it anew')
      }
    },
  }
}

function unreadable(why: string): AppError {
  return new AppError('secret_unreadable', `A sealed secret cannot be read: ${why}`)
}

/** Tells keys apart without telling anything of them. */
function keyId(key: Buffer): string {
  return createHash('sha256').update('driftline key id').update(key).digest('hex').slice(0, 8)
}

/** Each part with its length, so that no two places make the same bytes. */
function associated({ purpose, tenant, id }: SealedPlace, sealedWith: string): Buffer {
  return Buffer.from(
    [FORM, sealedWith, purpose, tenant, id].map((part) => `${Buffer.byteLength(part)}:${part}`).join(''),
  )
}

function readOrMakeKey(file: string): Buffer {
  const read = (): Buffer => {
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
    if (key.length === KEY_BYTES) return key
    throw new AppError('secret_unreadable', `${file} does not hold 32 bytes in base64: put the key of before back`)
  }
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error instanceof AppError ? error : unusable(dirname(file), error)
    }
  }
  makeKey(file)
  return read()
}

/** Written whole under another name first: a crash leaves no half of a key, and the first of several makers wins. */
function makeKey(file: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeSync(handle, `${randomBytes(KEY_BYTES).toString('base64')}\n`)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    linkSync(draft, file)
    const directory = openSync(dirname(file), 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(dirname(file), error)
  } finally {
    rmSync(draft, { force: true })
  }
}
