import type { InjectionKey, ShallowRef } from 'vue'
import type { CredentialName } from '../../api/flow-types.ts'

/** Names of the vault, for whoever may see them; null while they are not known. */
export const credentialsKey: InjectionKey<ShallowRef<readonly CredentialName[] | null>> = Symbol('credentials')
