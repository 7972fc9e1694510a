import { createTenantEstate, type EstateLimits, type TenantEstate } from './tenant-estate.ts'

/** The live state of every tenant; nothing of one is reachable from another. */
export interface Estate {
  /** State of a tenant; empty when nothing was heard of it. */
  tenant(tenant: string): TenantEstate
  tenants(): Iterable<TenantEstate>
}

/** Tenants come from the headers of our own intake, so their number is that of the metadata store. */
export function createEstate(limits: EstateLimits): Estate {
  const tenants = new Map<string, TenantEstate>()
  return {
    tenant(tenant) {
      let estate = tenants.get(tenant)
      if (!estate) {
        estate = createTenantEstate(tenant, limits)
        tenants.set(tenant, estate)
      }
      return estate
    },
    tenants: () => tenants.values(),
  }
}
