import { processId } from '@driftline/proto'
import type { Refused } from '../point-sink.ts'
import { type Wire, wireOf } from '../wire/wire.ts'
import { type AnyJson, readKeyValueField, textOfValue } from './any-value.ts'

/** Who sent the data points below it. */
export interface Origin {
  readonly process: string
  /** What tells this instance of the service from others. */
  readonly attributes: Readonly<Record<string, string>>
}

const SERVICE = 'service.name'
const PROCESS = 'driftline.process'
const ATTRIBUTES_MAX = 256

/**
 * Attributes of a resource that become attributes of its series: what tells instances apart, or people look for. What
 * else SDKs say there (versions, command lines, process ids) would only make series end at each restart.
 */
const kept = [
  'service.namespace',
  'service.instance.id',
  'deployment.environment.name',
  'deployment.environment',
  'host.name',
  'k8s.namespace.name',
  'k8s.pod.name',
  'container.name',
  'cloud.region',
]

const isNamed = (value: AnyJson | undefined): value is string | number | boolean =>
  value !== undefined && value !== null && value !== '' && typeof value !== 'object'

/** Reads a Resource; `processOf` answers null for a process that the sender may not name. */
export function readOrigin(bytes: Uint8Array, processOf: (explicit: string) => string | null): Origin | Refused {
  const found = Object.create(null) as { [key: string]: AnyJson }
  const wire: Wire = wireOf(bytes)
  readKeyValueField(wire, wire.end, 1, found, ATTRIBUTES_MAX)
  const explicit = found[PROCESS]
  const name = found[SERVICE]
  const process = isNamed(explicit)
    ? processOf(String(explicit))
    : processId('service', isNamed(name) ? String(name) : 'unknown_service')
  if (process === null) {
    return {
      reason: 'process_invalid',
      detail: `the sender may not name the process ${String(explicit).slice(0, 200)}`,
    }
  }
  const attributes = Object.create(null) as Record<string, string>
  for (const key of kept) {
    const value = found[key]
    if (isNamed(value)) attributes[key] = textOfValue(value)
  }
  return { process, attributes }
}
