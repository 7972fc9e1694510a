import { z } from 'zod'
import { AppError } from '../errors.ts'
import { setting } from '../settings.ts'
import { createKeyFile } from './key-file.ts'
import {
  KEY_BYTES,
  keyId,
  type NamedKey,
  openText,
  type SealedPlace,
  sealedBeginning,
  sealText,
} from './sealed-text.ts'

export type { SealedPlace } from './sealed-text.ts'

/**
 * Keeps secrets that have to be read again, such as a broker's password: AES-256-GCM with a random nonce, the place as
 * associated data. Errors of both: `secret_unreadable`, also without a key; `data_dir_unusable` and `disk_full` when
 * the key's file cannot be made. No error names what is sealed.
 */
export interface Sealer {
  /** `v1:<key id, 8 hex digits>:<base64url of nonce, ciphertext and tag>`. */
  seal(place: SealedPlace, plain: string): string
  open(place: SealedPlace, sealed: string): string
  readonly keys: SealingKeys
}

/** Keys of the installation while they are rotated: one seals, those of before only open. Errors: as the sealer's. */
export interface SealingKeys {
  /** How a text begins that is sealed with the key that seals now. */
  beginning(): string
  /**
   * Makes a new key that seals from now on, where the installation keeps its key itself: `made`. One that was begun
   * and not ended goes on: `resumed`. Where people set the keys: `configured`, nothing is done.
   */
  renew(): 'made' | 'resumed' | 'configured'
  /** How many keys only open. */
  previous(): number
  /**
   * Takes keys that only open off the file, when nothing is sealed with them any more. This process goes on knowing
   * them until it ends. Keys that people set stay for them to remove.
   */
  retire(): void
}

export type SealerConfig =
  /** 32 bytes each; `previous` ones only open. */
  | { readonly key: Buffer; readonly previous?: readonly Buffer[] }
  /** Made on first use, readable by its owner only. */
  | { readonly keyFile: string; readonly previous?: readonly Buffer[] }
  /** Sealing is refused; `advice` says what to set. */
  | { readonly advice: string }

const base64Key = (text: string): Buffer | null => {
  const key = Buffer.from(text.trim(), 'base64')
  return key.length === KEY_BYTES && /^[A-Za-z0-9+/_-]{43}=?$/.test(text.trim()) ? key : null
}

const FORM_OF_KEY = 'must be 32 bytes in base64, such as `openssl rand -base64 32` makes'

const sealingKey = z.string().transform((text, context) => {
  const key = base64Key(text)
  if (key !== null) return key
  context.addIssue({ code: 'custom', message: FORM_OF_KEY })
  return z.NEVER
})

/** A list, or in a variable keys joined by commas. */
const sealingKeys = z.preprocess(
  (given) => (typeof given === 'string' ? given.split(',').filter((part) => part.trim() !== '') : given),
  z.array(sealingKey).max(10),
)

export const sealingSettings = {
  secretKey: setting(
    'secret_key',
    sealingKey.nullable(),
    null,
    'Key that passwords of sources and credentials are sealed with: 32 bytes in base64, the same for all services. A process that is all of the installation makes one in its data directory without it',
  ),
  previousSecretKeys: setting(
    'previous_secret_keys',
    sealingKeys,
    [],
    'Keys of before, which only open: a list, in the variable joined by commas. After a rotation under Settings, Credentials nothing is sealed with them any more and they can be removed',
  ),
}

interface Ring {
  readonly current: NamedKey
  readonly byId: ReadonlyMap<string, NamedKey>
  readonly previous: number
}

const MISSING =
  'it was sealed with another key; set DRIFTLINE_SECRET_KEY to the key of then (or add it to DRIFTLINE_PREVIOUS_SECRET_KEYS), or type it anew'

export function createSealer(config: SealerConfig): Sealer {
  const keyFile = 'keyFile' in config ? createKeyFile(config.keyFile) : null
  let kept: Ring | null = null
  const read = (): Ring => {
    if ('advice' in config) throw new AppError('secret_unreadable', config.advice)
    const own = 'key' in config ? [config.key] : keyFile!.read()
    const keys = [...own, ...(config.previous ?? [])].map(named)
    const byId = new Map([...(kept?.byId ?? []), ...keys.map((key): [string, NamedKey] => [key.id, key])])
    const others = new Set(keys.map(({ id }) => id).filter((id) => id !== keys[0]!.id))
    kept = { current: keys[0]!, byId, previous: others.size }
    return kept
  }
  const ring = (): Ring => kept ?? read()
  /** An unknown name may be that of a key which was made since the file was read. */
  const keyOf = (id: string): NamedKey | null =>
    ring().byId.get(id) ?? (keyFile === null ? null : (read().byId.get(id) ?? null))
  return {
    seal: (place, plain) => sealText(ring().current, place, plain),
    open: (place, sealed) => {
      ring()
      return openText(keyOf, place, sealed, MISSING)
    },
    keys: {
      beginning: () => sealedBeginning(ring().current),
      previous: () => ring().previous,
      renew() {
        ring()
        if (keyFile === null) return 'configured'
        const begun = keyFile.read().length > 1
        if (!begun) keyFile.add()
        read()
        return begun ? 'resumed' : 'made'
      },
      retire() {
        if (keyFile === null) return
        keyFile.dropOthers()
        read()
      },
    },
  }
}

const named = (bytes: Buffer): NamedKey => ({ id: keyId(bytes), bytes })
