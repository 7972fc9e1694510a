/** Whose rows are read: of one tenant, however it is called, or, for the live state at a start only, of all. */
export type TenantScope = { readonly tenant: string } | 'all-tenants'

/** The condition, and what it is bound to. No name of a tenant widens it, not even an empty one. */
export function ofScope(scope: TenantScope, table: string): { where: string; parameters: Record<string, string> } {
  if (scope === 'all-tenants') return { where: '1', parameters: {} }
  return { where: `${table}.tenant = {tenant: String}`, parameters: { tenant: scope.tenant } }
}
