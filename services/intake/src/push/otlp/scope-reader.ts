import type { Refused } from '../point-sink.ts'
import { BYTES, expectType, readLength, readTag, skip, textOf, type Wire } from '../wire/wire.ts'
import { type Origin, readOrigin } from './resource.ts'

/**
 * Where resource and scope of what is being read stand. Their bytes are hashed for each of them, and read as text only
 * when something below them is new.
 */
export interface ScopeReader {
  /** Finds the resource of the ResourceMetrics or ResourceLogs from here to `end`, and stays here. */
  enterResource(end: number): void
  enterScope(end: number): void
  resourceStart(): number
  resourceEnd(): number
  scopeStart(): number
  scopeEnd(): number
  origin(): Origin | Refused
  /** Name of the instrumentation scope; empty for none. */
  scopeName(): string
}

const SCOPE_ATTRIBUTE_MAX = 255

export function createScopeReader(wire: Wire, processOf: (explicit: string) => string | null): ScopeReader {
  const resource = { start: 0, end: 0 }
  const scope = { start: 0, end: 0 }
  let origin: Origin | Refused | null = null
  let scopeName: string | null = null
  return {
    enterResource(end) {
      find(wire, end, resource)
      origin = null
    },
    enterScope(end) {
      find(wire, end, scope)
      scopeName = null
    },
    resourceStart: () => resource.start,
    resourceEnd: () => resource.end,
    scopeStart: () => scope.start,
    scopeEnd: () => scope.end,
    origin() {
      origin ??= readOrigin(wire.bytes.subarray(resource.start, resource.end), processOf)
      return origin
    },
    scopeName() {
      scopeName ??= readName(wire, scope)
      return scopeName
    },
  }
}

/** The last field 1 counts, as for any field that stands twice. */
function find(wire: Wire, end: number, range: { start: number; end: number }): void {
  const { at, end: outer } = wire
  range.start = at
  range.end = at
  wire.end = end
  while (wire.at < end) {
    const tag = readTag(wire)
    if (tag >>> 3 !== 1) skip(wire, tag)
    else {
      expectType(tag, BYTES)
      range.end = readLength(wire)
      range.start = wire.at
      wire.at = range.end
    }
  }
  wire.at = at
  wire.end = outer
}

function readName(wire: Wire, range: { start: number; end: number }): string {
  const { at, end: outer } = wire
  const name = { start: range.start, end: range.start }
  wire.at = range.start
  find(wire, range.end, name)
  wire.at = at
  wire.end = outer
  return (textOf(wire, name.start, name.end) ?? '').slice(0, SCOPE_ATTRIBUTE_MAX)
}
