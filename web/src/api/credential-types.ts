export type CredentialKind =
  | 'basic'
  | 'bearer'
  | 'api_key'
  | 'oauth2'
  | 'form_login'
  | 'client_certificate'
  | 'ssh_key'
  | 's3'

/** What uses a credential. */
export interface CredentialUser {
  readonly type: 'flow' | 'source'
  readonly id: string
  readonly name: string
}

/** A credential as administrators see it: no answer has the values of its secret fields. */
export interface Credential {
  readonly name: string
  readonly kind: CredentialKind
  readonly hosts: readonly string[]
  readonly about: string
  readonly shown: Readonly<Record<string, string>>
  readonly secretsSet: readonly string[]
  readonly readable: boolean
  readonly usedBy: readonly CredentialUser[]
  readonly version: number
  readonly createdAt: string
  readonly updatedAt: string
  readonly updatedBy: string
  readonly lastUsedAt: string | null
}

/** What a rotation sealed anew. */
export interface KeyRotation {
  readonly key: 'made' | 'resumed' | 'configured'
  readonly sources: number
  readonly requests: number
  readonly dataKeys: number
  readonly credentials: number
  readonly unreadable: number
  readonly previousKeys: number
}

export interface HostLimit {
  host: string
  requestsPerSecond: number
  concurrent: number
}

/** Where checks and polls may connect to, and how often. */
export interface NetworkPolicy {
  allowedNetworks: string[]
  ownHosts: string[]
  hosts: HostLimit[]
  requestsPerSecond: number
  concurrent: number
}

export interface NetworkSettings {
  readonly policy: NetworkPolicy
  readonly version: number
  readonly presetNetworks: readonly string[]
  readonly updatedAt: string | null
  readonly updatedBy: string | null
}
