import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Metadata } from '../metadata/metadata.ts'
import type { Database } from '../metadata/tables.ts'
import { KEY_BYTES, type NamedKey, openText, type SealedPlace, sealedWith, sealText } from './sealed-text.ts'
import type { Sealer } from './sealing.ts'
import { createOrderedId } from './secrets.ts'

/**
 * Envelope keys: each tenant has a data key that seals its credentials, and the installation's key seals data keys. So
 * a new key of the installation touches one row of a tenant, and a data key leaks one tenant at most.
 * Errors: those of the metadata and the sealer; `secret_unreadable` for a text whose data key is gone.
 */
export interface Vault {
  /** Makes the tenant's data key if there is none; call it before the transaction that seals. */
  prepare(tenant: string): Promise<void>
  /**
   * Seals inside the transaction that writes the text: it holds on to the data key, so that a rotation waits for it.
   * Errors: `metadata_conflict` (retryable) when the data key was replaced at this very moment.
   */
  seal(transaction: Kysely<Database>, place: SealedPlace, plain: string): Promise<string>
  open(place: SealedPlace, sealed: string): Promise<string>
  /**
   * Makes a new data key of the tenant and removes the old one, in one transaction, in which `reseal` writes
   * everything anew: what the old key sealed is opened by `open` and sealed by `seal`.
   */
  rotate<T>(tenant: string, reseal: (transaction: Kysely<Database>, keys: Reseal) => Promise<T>): Promise<T>
}

export interface Reseal {
  /** Errors: `secret_unreadable`. */
  open(place: SealedPlace, sealed: string): string
  seal(place: SealedPlace, plain: string): string
}

type Deps = { readonly metadata: Metadata; readonly sealer: Sealer; readonly clock: Clock }
type KeyRow = { readonly id: string; readonly sealed: string }

const CACHED_MAX = 1000
const GONE = 'its data key is not there; type it anew'

export function createVault({ metadata, sealer, clock }: Deps): Vault {
  const cached = new Map<string, NamedKey>()
  const keyOf = (tenant: string, { id, sealed }: KeyRow): NamedKey => {
    const known = cached.get(`${tenant} ${id}`)
    if (known !== undefined) return known
    const bytes = Buffer.from(sealer.open({ purpose: 'data-key', tenant, id }, sealed), 'base64')
    const key = { id, bytes }
    if (cached.size >= CACHED_MAX) cached.clear()
    cached.set(`${tenant} ${id}`, key)
    return key
  }
  const readable = (tenant: string, row: KeyRow): NamedKey | null => {
    try {
      return keyOf(tenant, row)
    } catch (error) {
      if (error instanceof AppError && error.code === 'secret_unreadable') return null
      throw error
    }
  }
  const newKey = (tenant: string) => {
    const id = createOrderedId(clock.nowMs())
    const bytes = randomBytes(KEY_BYTES)
    const sealed = sealer.seal({ purpose: 'data-key', tenant, id }, bytes.toString('base64'))
    return { key: { id, bytes }, row: { tenant, id, sealed, active: true, created_at: new Date(clock.nowMs()) } }
  }
  return {
    async prepare(tenant) {
      const found = await metadata.db
        .selectFrom('vault_keys')
        .select('id')
        .where('tenant', '=', tenant)
        .where('active', '=', true)
        .executeTakeFirst()
      if (found !== undefined) return
      try {
        await metadata.db.insertInto('vault_keys').values(newKey(tenant).row).execute()
      } catch (error) {
        // Another process made it first.
        if (!(error instanceof AppError && error.code === 'metadata_conflict')) throw error
      }
    },

    async seal(transaction, place, plain) {
      // Writing what is there already locks the row where transactions run side by side.
      const row = await transaction
        .updateTable('vault_keys')
        .set({ active: true })
        .where('tenant', '=', place.tenant)
        .where('active', '=', true)
        .returning(['id', 'sealed'])
        .executeTakeFirst()
      if (row === undefined) {
        throw new AppError('metadata_conflict', 'The key of the vault was just replaced: try again', {
          retryable: true,
        })
      }
      const key = readable(place.tenant, row)
      if (key !== null) return sealText(key, place, plain)
      // The installation's key of then is gone. What is typed anew must not wait for it; should it come back, the row
      // is still there for what was sealed with it.
      const ofKey = transaction.updateTable('vault_keys').where('tenant', '=', place.tenant)
      await ofKey.set({ active: false }).where('id', '=', row.id).execute()
      const next = newKey(place.tenant)
      await transaction.insertInto('vault_keys').values(next.row).execute()
      return sealText(next.key, place, plain)
    },

    async open(place, sealed) {
      const id = sealedWith(sealed)
      const known = cached.get(`${place.tenant} ${id}`)
      const row =
        known ??
        (await metadata.db
          .selectFrom('vault_keys')
          .select(['id', 'sealed'])
          .where('tenant', '=', place.tenant)
          .where('id', '=', id)
          .executeTakeFirst())
      const key = row === undefined ? null : 'bytes' in row ? row : keyOf(place.tenant, row)
      return openText(() => key, place, sealed, GONE)
    },

    async rotate(tenant, reseal) {
      await this.prepare(tenant)
      return metadata.transaction(async (transaction) => {
        const ofTenant = transaction.updateTable('vault_keys').where('tenant', '=', tenant)
        const old = await ofTenant.set({ active: false }).returning(['id', 'sealed']).execute()
        const { key, row } = newKey(tenant)
        await transaction.insertInto('vault_keys').values(row).execute()
        const byId = new Map(old.map((each) => [each.id, readable(tenant, each)]))
        const answer = await reseal(transaction, {
          open: (place, sealed) => openText((id) => byId.get(id) ?? null, place, sealed, GONE),
          seal: (place, plain) => sealText(key, place, plain),
        })
        const replaced = old.filter(({ id }) => byId.get(id) !== null).map(({ id }) => id)
        if (replaced.length > 0) {
          const gone = transaction.deleteFrom('vault_keys').where('tenant', '=', tenant)
          await gone.where('id', 'in', replaced).execute()
        }
        return answer
      })
    },
  }
}
