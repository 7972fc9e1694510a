import { create } from '@bufbuild/protobuf'
import { deadLetter, emit, type Verdict } from '@driftline/platform/verdict'
import {
  canonicalAttributes,
  MetricKind,
  type Series,
  type SeriesDefinition,
  SeriesSchema,
  seriesId,
} from '@driftline/proto'
import type { Reason } from './reasons.ts'

const METRIC = /^[A-Za-z][A-Za-z0-9_./-]{0,254}$/
const UNIT = /^[\x21-\x7e]{0,63}$/
const ATTRIBUTES_BYTES_MAX = 4096
const ATTRIBUTES_MAX = 32

const refuse = (reason: Reason, detail: string): Verdict<never> => deadLetter(reason, detail)

/** What a series means, stamped with tenant, our own id and the time of definition. */
export function validateDefinition(
  definition: SeriesDefinition,
  context: { readonly tenant: string; readonly owns: (process: string) => boolean; readonly nowMs: number },
): Verdict<Series> {
  const { process, metric, unit, kind } = definition
  if (!context.owns(process)) return refuse('process_foreign', 'the process is not one of the host that said hello')
  if (!METRIC.test(metric)) return refuse('metric_invalid', 'a metric is 1 to 255 characters and starts with a letter')
  if (!UNIT.test(unit)) return refuse('unit_invalid', 'a unit is at most 63 printable ASCII characters')
  if (kind !== MetricKind.GAUGE && kind !== MetricKind.DELTA && kind !== MetricKind.CUMULATIVE) {
    return refuse('kind_unknown', `kind ${kind} is not gauge, delta or cumulative`)
  }
  const attributes = readAttributes(definition.attributes)
  if (attributes === null) {
    return refuse('attributes_invalid', 'attributes are a JSON object of at most 32 texts in at most 4,096 bytes')
  }
  const id = seriesId(context.tenant, process, metric, attributes)
  const definedAtMs = BigInt(context.nowMs)
  return emit(
    create(SeriesSchema, { id, tenant: context.tenant, process, metric, unit, kind, attributes, definedAtMs }),
  )
}

/** The attributes as we write them ourselves, whatever order and spaces they came in; null when they are not valid. */
function readAttributes(text: string): string | null {
  if (text === '{}' || text === '') return '{}'
  if (Buffer.byteLength(text) > ATTRIBUTES_BYTES_MAX) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return null
  const entries = Object.entries(parsed)
  const valid = entries.every(([key, value]) => key !== '' && typeof value === 'string' && !/\p{Cc}/u.test(key + value))
  return valid && entries.length <= ATTRIBUTES_MAX ? canonicalAttributes(parsed as Record<string, string>) : null
}
