import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

/** Where a person wants to look at what these tests saw; nothing is kept without it. */
function shelf(): string | null {
  const directory = process.env.DRIFTLINE_PICTURES ?? null
  if (directory !== null) mkdirSync(directory, { recursive: true })
  return directory
}

/** Keeps what the page shows as `<name>.png`. */
export async function picture(page: Page, name: string): Promise<void> {
  const directory = shelf()
  if (directory !== null) await page.screenshot({ path: join(directory, `${name}.png`) })
}

/** Keeps how long something took. What is promised is held by the benchmarks: a test must not fail on a busy machine. */
export function took(what: string, sinceMs: number): void {
  const directory = shelf()
  if (directory !== null) appendFileSync(join(directory, 'took.txt'), `${what}: ${Date.now() - sinceMs} ms\n`)
}
