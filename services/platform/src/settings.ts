import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import type { z } from 'zod'
import { AppError } from './errors.ts'

/** Where settings come from: the environment first, then the YAML file, then the default. */
export interface SettingsSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Parsed content of the file; `{}` without one. */
  readonly yaml: unknown
  /** Path of the file that was read, for messages; null without one. */
  readonly file: string | null
}

/** One setting: its names, how it is read, what it is without being set, and what it means. */
export interface Setting<T> {
  /** Path in the YAML file, joined by dots. */
  readonly key: string
  /** Environment variable that overrides it. */
  readonly env: string
  readonly schema: z.ZodType<T>
  /** In the notation of the file, so that documentation can show it; undefined makes the setting required. */
  readonly fallback: unknown
  readonly about: string
}

export type SettingsSpec = Record<string, Setting<unknown>>
export type SettingsOf<S extends SettingsSpec> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never
}

/** The variable of a key: `process_monitor.a.b` is `DRIFTLINE_A_B`, `http_port` is `DRIFTLINE_HTTP_PORT`. */
export function environmentName(key: string): string {
  return `DRIFTLINE_${key
    .replace(/^process_monitor\./, '')
    .replaceAll('.', '_')
    .toUpperCase()}`
}

/** Declares a setting by its YAML key; the environment variable follows from it. */
export function setting<T>(key: string, schema: z.ZodType<T>, fallback: unknown, about: string): Setting<T> {
  return { key, env: environmentName(key), schema, fallback, about }
}

/** Reads `DRIFTLINE_CONFIG`, or `driftline.yaml` in the working directory if it is there. Errors: `config_invalid`. */
export function readSettingsSource(env: SettingsSource['env']): SettingsSource {
  const named = env.DRIFTLINE_CONFIG
  const file = resolve(named ?? 'driftline.yaml')
  if (!existsSync(file)) {
    if (named === undefined) return { env, yaml: {}, file: null }
    throw new AppError('config_invalid', `DRIFTLINE_CONFIG names ${file}, which does not exist`)
  }
  try {
    return { env, yaml: parse(readFileSync(file, 'utf8')) ?? {}, file }
  } catch (cause) {
    throw new AppError('config_invalid', `${file} is not valid YAML: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Reads every setting of a spec. All problems are reported together, each with the key's path, in one
 * `config_invalid` error. The answer is frozen.
 */
export function readSettings<S extends SettingsSpec>(source: SettingsSource, spec: S): SettingsOf<S> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, each] of Object.entries(spec)) {
    const fromEnv = source.env[each.env]
    const fromYaml = valueAt(source.yaml, each.key)
    const parsed = fromEnv ? parseText(each.schema, fromEnv) : each.schema.safeParse(fromYaml ?? each.fallback)
    if (parsed.success) values[name] = parsed.data
    else {
      const origin = fromEnv ? each.env : each.key
      for (const issue of parsed.error.issues) {
        problems.push(`${[origin, ...issue.path].join('.')}: ${issue.message}`)
      }
    }
  }
  if (problems.length > 0) throw new AppError('config_invalid', problems.join('\n'))
  return Object.freeze(values) as SettingsOf<S>
}

/** A variable is text; a list or a section is written in it as in the file: `[a, b]`, `{key: value}`. */
function parseText(schema: z.ZodType, text: string): ReturnType<z.ZodType['safeParse']> {
  const asText = schema.safeParse(text)
  if (!/^\s*[[{]/.test(text)) return asText
  try {
    const asYaml = schema.safeParse(parse(text))
    // A password may begin like a list, and a list may have a fault of its own.
    return asYaml.success || !asText.success ? asYaml : asText
  } catch {
    return asText
  }
}

/** Reads several configurations and reports the problems of all of them together. */
export function readTogether<T extends Record<string, () => unknown>>(
  readers: T,
): { readonly [K in keyof T]: ReturnType<T[K]> } {
  const problems = new Set<string>()
  const values: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(readers)) {
    try {
      values[name] = read()
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'config_invalid')) throw error
      for (const line of error.message.split('\n')) problems.add(line)
    }
  }
  if (problems.size > 0) throw new AppError('config_invalid', [...problems].join('\n'))
  return Object.freeze(values) as { readonly [K in keyof T]: ReturnType<T[K]> }
}

/** Refuses keys of the YAML file that no setting has: a typing error must not silently become a default. */
export function refuseUnknownKeys(source: SettingsSource, known: readonly string[]): void {
  const unknown: string[] = []
  const visit = (value: unknown, path: string): void => {
    if (path !== '' && known.includes(path)) return
    const isBranch = path === '' || known.some((key) => key.startsWith(`${path}.`))
    if (!isBranch) unknown.push(`${path}: no such setting`)
    else if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, child] of Object.entries(value)) visit(child, path === '' ? key : `${path}.${key}`)
    } else if (value !== null) unknown.push(`${path}: must be a section with keys`)
  }
  visit(source.yaml, '')
  if (unknown.length > 0) throw new AppError('config_invalid', unknown.join('\n'))
}

function valueAt(yaml: unknown, key: string): unknown {
  let value: unknown = yaml
  for (const part of key.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
