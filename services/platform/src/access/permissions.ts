import { AppError } from '../errors.ts'

/** Everything that may be allowed. What is not in a role's list is denied. */
export const permissions = [
  'estate:read', // processes, hosts, queries, anomalies, alerts
  'process:write', // what people set about processes
  'operations:read', // sources, dead letters, retention, health of the product
  'sources:write', // where data comes from, previews of it, replays of dead letters
  'sources:files', // sources that read files of the server
  'flows:run', // start and cancel checks
  'flows:write', // define business processes, schedule reports
  'runs:evidence', // bodies of answers and screenshots that steps saw
  'credentials:write', // the vault
  'network:write', // where checks may connect to
  'account:self', // one's own session and password
  'users:manage',
  'keys:manage',
  'audit:read',
  'ingest', // send data
] as const
export type Permission = (typeof permissions)[number]

/** Roles of people, each with all that the one before it may do. */
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]

/** API keys carry a role too, or may only send data. Nothing but `ingest` may: a key that leaks shows or feeds, not both. */
export const keyRoles = [...roles, 'ingest'] as const
export type KeyRole = (typeof keyRoles)[number]

const viewer: readonly Permission[] = ['estate:read', 'operations:read', 'account:self']
const operator: readonly Permission[] = [
  ...viewer,
  'process:write',
  'sources:write',
  'flows:run',
  'flows:write',
  'runs:evidence',
]
const admin: readonly Permission[] = [
  ...operator,
  'sources:files',
  'credentials:write',
  'network:write',
  'users:manage',
  'keys:manage',
  'audit:read',
]

const permissionSets: Readonly<Record<KeyRole, ReadonlySet<Permission>>> = {
  viewer: new Set(viewer),
  operator: new Set(operator),
  admin: new Set(admin),
  ingest: new Set<Permission>(['ingest']),
}

/** Who asks, always inside one tenant. */
export interface Principal {
  readonly tenant: string
  readonly kind: 'user' | 'api-key'
  readonly id: string
  /** The username, or the key's name. */
  readonly name: string
  readonly role: KeyRole
  readonly permissions: ReadonlySet<Permission>
  /** When a session ends at the latest; null for an API key. */
  readonly expiresAt: Date | null
}

/** A role that this version does not know may do nothing. */
export function permissionsOf(role: string): ReadonlySet<Permission> {
  return Object.hasOwn(permissionSets, role) ? permissionSets[role as KeyRole] : new Set()
}

/** Errors: `unauthenticated` without a principal, `forbidden` without the permission. */
export function requirePermission(principal: Principal | null, permission: Permission): asserts principal is Principal {
  if (principal === null) throw new AppError('unauthenticated', 'Sign in first')
  if (principal.permissions.has(permission)) return
  throw new AppError('forbidden', `The role ${principal.role} does not have the permission ${permission}`)
}
