import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A secret that stands nowhere else, by the name of where it was planted. */
export interface Canary {
  readonly name: string
  readonly text: string
}

/** What of it no encoding of text changes, and how it looks in hexadecimal and in base64 at each alignment. */
export function formsOf({ text }: Canary): string[] {
  const core = /[A-Za-z0-9_-]{12,}/.exec(text)?.[0] ?? text
  const forms = [core, Buffer.from(core).toString('hex')]
  for (const before of ['', 'a', 'ab']) {
    // Only what does not depend on what stands around it.
    const packed = Buffer.from(before + core).toString('base64')
    const form = packed.slice(before === '' ? 0 : 4, Math.floor((before.length + core.length) / 3) * 4)
    forms.push(form, form.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return [...new Set(forms)]
}

/** Parts that are searched at once; they overlap by more than any form is long. */
const PART_BYTES = 16_000_000
const OVERLAP_BYTES = 1000

/** Answers what of the canaries stands in a text or in bytes, as `canary as form`. */
export function searchFor(canaries: readonly Canary[]): (hay: Buffer | string) => string[] {
  const names = new Map(canaries.flatMap((canary) => formsOf(canary).map((form) => [form, canary.name])))
  const literal = [...names.keys()].map((form) => form.replaceAll(/[^A-Za-z0-9_-]/g, '\\$&'))
  const any = new RegExp(literal.join('|'), 'g')
  return (hay) => {
    const bytes = Buffer.isBuffer(hay) ? hay : Buffer.from(hay)
    const found = new Set<string>()
    for (let from = 0; from < bytes.length; from += PART_BYTES) {
      const part = bytes.toString('latin1', from, Math.min(bytes.length, from + PART_BYTES + OVERLAP_BYTES))
      for (const [form] of part.matchAll(any)) found.add(`${names.get(form)} as ${form}`)
    }
    return [...found]
  }
}

/** Every file below a directory, with its bytes. Files that go away meanwhile are left out. */
export function* filesBelow(directory: string): Generator<{ path: string; bytes: Buffer }> {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    try {
      if (statSync(path).isFile()) yield { path, bytes: readFileSync(path) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
