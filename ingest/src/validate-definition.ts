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
import type { DefinitionReason } from './refused.ts'

const METRIC = /^[A-Za-z_][A-Za-z0-9_.:/-]{0,254}$/
const UNIT = /^[\x21-\x7e]{0,63}$/
const ATTRIBUTES_BYTES_MAX = 4096
const ATTRIBUTES_MAX = 32
const CONTROL = /\p{Cc}/u
const isClean = (text: string): boolean => !CONTROL.test(text) && text.isWellFormed()

const refuse = (reason: DefinitionReason, detail: string): Verdict<never> => deadLetter(reason, detail)

/** What a series means, stamped with tenant, our own id and the time of definition. */
export function validateDefinition(
  definition: SeriesDefinition,
  context: { readonly tenant: string; readonly owns: (process: string) => boolean; readonly nowMs: number },
): Verdict<Series> {
  const { process, metric, unit, kind } = definition
  if (!context.owns(process)) return refuse('process_foreign', 'the process is not one of the host that said hello')
  const wrong = wrongName(metric, unit)
  if (wrong !== null) return wrong
  if (kind !== MetricKind.GAUGE && kind !== MetricKind.DELTA && kind !== MetricKind.CUMULATIVE) {
    return refuse('kind_unknown', `kind ${kind} is not gauge, delta or cumulative`)
  }
  const attributes = readAttributes(definition.attributes)
  if (attributes === null) return attributesRefused
  const id = seriesId(context.tenant, process, metric, attributes)
  const definedAtMs = BigInt(context.nowMs)
  return emit(
    create(SeriesSchema, { id, tenant: context.tenant, process, metric, unit, kind, attributes, definedAtMs }),
  )
}

const attributesRefused = refuse(
  'attributes_invalid',
  'attributes are a JSON object of at most 32 texts in at most 4,096 bytes',
)

/** Whether the name or the unit of a metric breaks the rules that all doors have in common; null when neither does. */
export function wrongName(metric: string, unit: string): Verdict<never> | null {
  if (!METRIC.test(metric))
    return refuse('metric_invalid', 'a metric is 1 to 255 letters, digits and _ . : / -, and begins with a letter or _')
  if (!UNIT.test(unit)) return refuse('unit_invalid', 'a unit is at most 63 printable ASCII characters')
  return null
}

/** Attributes as the one text that stands for them; a refusal when they break the rules. */
export function checkedAttributes(attributes: Readonly<Record<string, string>>): Verdict<string> {
  let count = 0
  for (const key in attributes) {
    const value: unknown = attributes[key]
    if (key === '' || typeof value !== 'string' || !isClean(key) || !isClean(value)) return attributesRefused
    count += 1
  }
  if (count === 0) return emit('{}')
  const text = canonicalAttributes(attributes)
  const fits = count <= ATTRIBUTES_MAX && Buffer.byteLength(text) <= ATTRIBUTES_BYTES_MAX
  return fits ? emit(text) : attributesRefused
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
  const verdict = checkedAttributes(parsed as Record<string, string>)
  return verdict.kind === 'emit' ? verdict.value : null
}
