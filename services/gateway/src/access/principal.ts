/** What a role may do. Every route of the API names the one that it needs; see `route-permissions.ts`. */
export const permissions = [
  'estate:read',
  'process:write',
  'operations:read',
  'account:self',
  'users:manage',
  'keys:manage',
  'audit:read',
] as const
export type Permission = (typeof permissions)[number]

export type Role = 'viewer' | 'operator' | 'admin' | 'ingest'

const viewer: readonly Permission[] = ['estate:read', 'operations:read', 'account:self']
const operator: readonly Permission[] = [...viewer, 'process:write']

/** A key that may only send data reads nothing. */
export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  viewer,
  operator,
  admin: permissions,
  ingest: [],
}

/** Who asks: a signed-in user or an API key, always inside one tenant. */
export interface Principal {
  readonly kind: 'user' | 'api-key'
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly tenant: string
}

export function mayDo(principal: Principal, permission: Permission): boolean {
  return rolePermissions[principal.role].includes(permission)
}
