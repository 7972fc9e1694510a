import { credentialField, stepValueName, type TemplateName, templateReferences } from '@driftline/checks/templates'
import type { CheckTypeName } from '@driftline/checks/types/check-types'
import type { Json } from '@driftline/platform/metadata/tables'
import { CheckFailure } from '../check-type.ts'
import { textOf } from './words.ts'

/** What templates stand for in a run. */
export interface TemplateValues {
  /** Null where the product does not know it. */
  readonly names: Readonly<Record<TemplateName, string | null>>
  /** What each earlier step extracted, by its key. */
  readonly steps: ReadonlyMap<string, ReadonlyMap<string, Json>>
}

type Fill = (text: string, place: string) => Json

/** Addresses that are put in as they are, for they begin one. */
const ADDRESSES: readonly string[] = ['product.url', 'demo.url']
/** Where any JSON may stand, so that a number stays one when the whole text is its template. */
const TYPED = /^(json|variables|parameters)(\.|$)/
const URL_PLACES = /^(url|endpoint|actions\.\d+\.url)$/

/**
 * A configuration with its templates filled in, once: what a value holds is no template. Values become part of URLs
 * percent-encoded. Errors: CheckFailure `value_missing`, `config_invalid`.
 */
export function fillTemplates(
  type: CheckTypeName,
  configuration: Readonly<Record<string, unknown>>,
  values: TemplateValues,
): Record<string, unknown> {
  const fill: Fill = (text, place) => filled(type, text, place, values)
  return walk(configuration, '', fill) as Record<string, unknown>
}

function walk(value: unknown, place: string, fill: Fill): unknown {
  if (typeof value === 'string') return fill(value, place)
  if (Array.isArray(value)) return value.map((each, index) => walk(each, within(place, index), fill))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each, within(place, key), fill)]))
}

const within = (place: string, part: string | number): string => (place === '' ? String(part) : `${place}.${part}`)

function filled(type: CheckTypeName, text: string, place: string, values: TemplateValues): Json {
  const references = templateReferences(text)
  if (references.length === 0) return text
  if (type === 'sql' && place === 'query') {
    const message = 'query takes no templates: put a placeholder in and the value into parameters'
    throw new CheckFailure('config_invalid', message, { retry: 'never' })
  }
  const [only] = references
  const isWhole = references.length === 1 && only!.start === 0 && only!.end === text.length
  if (isWhole && TYPED.test(place)) return templateValue(only!.name, values)
  const isEncoded = URL_PLACES.test(place) && !isWhole
  let out = ''
  let from = 0
  for (const { name, start, end } of references) {
    out += text.slice(from, start)
    from = end
    // The page's own step puts these in, and nobody else sees them.
    if (type === 'web_browser' && credentialField(name) !== null) out += text.slice(start, end)
    else {
      const value = textOf(templateValue(name, values))
      out += isEncoded && !ADDRESSES.includes(name) ? encodeURIComponent(value) : value
    }
  }
  return out + text.slice(from)
}

function templateValue(name: string, { names, steps }: TemplateValues): Json {
  const known = Object.hasOwn(names, name) ? names[name as TemplateName] : undefined
  if (typeof known === 'string') return known
  if (known === null) {
    throw new CheckFailure('config_invalid', `{{${name}}} is not known in this installation`, { retry: 'never' })
  }
  const step = stepValueName(name)
  const value = step === null ? undefined : steps.get(step.key)?.get(step.value)
  if (value !== undefined) return value
  const message =
    step === null ? `{{${name}}} stands for nothing` : `{{${name}}} has no value: step ${step.key} found none`
  throw new CheckFailure('value_missing', message, { retry: 'never' })
}
