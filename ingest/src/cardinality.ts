import type { SeriesName } from './series-book.ts'

/** Counts series per tenant and source, and can say who has too many. */
export interface Cardinality {
  /** Null when there was room; else what to tell people. */
  add(name: SeriesName): string | null
  remove(tenant: string, source: string): void
  sizeOf(tenant: string, source: string): number
}

export interface CardinalityConfig {
  readonly perTenantMax: number
  readonly perSourceMax: number
}

interface SourceCount {
  size: number
  /** Values seen per metric and attribute, to find the attribute that makes so many; bounded. */
  readonly values: Map<string, Set<string>>
}

const TRACKED_ATTRIBUTES = 64
const TRACKED_VALUES = 1000

/**
 * The report of an overflow names the source with most series of the tenant, and of its attributes the one with most
 * values, because that is what a person has to change.
 */
export function createCardinality({ perTenantMax, perSourceMax }: CardinalityConfig): Cardinality {
  const tenants = new Map<string, { size: number; readonly sources: Map<string, SourceCount> }>()

  const tenantOf = (tenant: string) => {
    const known = tenants.get(tenant)
    if (known !== undefined) return known
    const fresh = { size: 0, sources: new Map<string, SourceCount>() }
    tenants.set(tenant, fresh)
    return fresh
  }

  return {
    add(name) {
      const tenant = tenantOf(name.tenant)
      const source = tenant.sources.get(name.source) ?? { size: 0, values: new Map() }
      if (source.size >= perSourceMax) return report(name.source, source, `${perSourceMax} series a source may have`)
      if (tenant.size >= perTenantMax) {
        const [worst, count] = largest(tenant.sources)
        return report(worst, count, `${perTenantMax} series a tenant may have`)
      }
      tenant.sources.set(name.source, source)
      tenant.size += 1
      source.size += 1
      note(source, name)
      return null
    },
    remove(tenantName, sourceName) {
      const tenant = tenants.get(tenantName)
      const source = tenant?.sources.get(sourceName)
      if (tenant === undefined || source === undefined) return
      tenant.size -= 1
      source.size -= 1
      if (source.size === 0) tenant.sources.delete(sourceName)
    },
    sizeOf: (tenant, source) => tenants.get(tenant)?.sources.get(source)?.size ?? 0,
  }
}

function note({ values }: SourceCount, { process, metric, attributes }: SeriesName): void {
  noteValue(values, 'the process', process)
  for (const key in attributes) noteValue(values, `attribute ${key} of ${metric}`, attributes[key]!)
}

function noteValue(values: SourceCount['values'], of: string, value: string): void {
  const seen = values.get(of)
  if (seen === undefined) {
    if (values.size < TRACKED_ATTRIBUTES) values.set(of, new Set([value]))
  } else if (seen.size < TRACKED_VALUES) seen.add(value)
}

function largest(sources: ReadonlyMap<string, SourceCount>): [string, SourceCount] {
  let worst: [string, SourceCount] = ['', { size: 0, values: new Map() }]
  for (const each of sources) if (each[1].size > worst[1].size) worst = each
  return worst
}

function report(source: string, { size, values }: SourceCount, limit: string): string {
  let [most, count] = ['', 0]
  for (const [of, seen] of values) if (seen.size > count) [most, count] = [of, seen.size]
  const many = count >= TRACKED_VALUES ? `${TRACKED_VALUES} or more` : String(count)
  return `the limit is ${limit}; source ${source} has ${size}, and ${most} has ${many} different values`
}
