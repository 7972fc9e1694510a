import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

interface Row {
  passed: number
  failed: number
  skipped: number
  durationMs: number
  readonly reasons: Set<string>
}

/** Prints one table at the end of a run: which suites ran, which were skipped, and why. */
export default class TestTable implements Reporter {
  readonly #rows = new Map<string, Row>()
  #unhandled = 0

  onTestModuleEnd(module: TestModule): void {
    const key = `${suiteOf(relative(process.cwd(), module.moduleId))} ${module.project.name}`
    const row = this.#rows.get(key) ?? { passed: 0, failed: 0, skipped: 0, durationMs: 0, reasons: new Set<string>() }
    this.#rows.set(key, row)
    row.durationMs += module.diagnostic().duration
    for (const test of module.children.allTests()) count(row, test)
    // A module that could not be loaded has no tests, but it has failed.
    if (module.state() === 'failed' && [...module.children.allTests('failed')].length === 0) row.failed += 1
  }

  onTestRunEnd(_modules: unknown, unhandledErrors: readonly unknown[]): void {
    this.#unhandled = unhandledErrors.length
    const rows = [...this.#rows].sort(([a], [b]) => a.localeCompare(b))
    const width = Math.max(...rows.map(([key]) => key.length), 10)
    const lines = rows.map(([key, row]) => {
      const verdict = row.failed > 0 ? 'FAILED ' : row.passed > 0 ? 'ran    ' : 'SKIPPED'
      const counts = `${pad(row.passed)} passed ${pad(row.failed)} failed ${pad(row.skipped)} skipped`
      const why = row.reasons.size > 0 ? `  ${[...row.reasons].join('; ')}` : ''
      return `${verdict} ${key.padEnd(width)} ${counts} ${(row.durationMs / 1000).toFixed(1).padStart(7)} s${why}`
    })
    const sum = (field: 'passed' | 'failed' | 'skipped') => rows.reduce((total, [, row]) => total + row[field], 0)
    const failed = sum('failed') + this.#unhandled
    process.stdout.write(
      `\n${lines.join('\n')}\n\n${sum('passed')} passed, ${failed} failed, ${sum('skipped')} skipped\n`,
    )
    if (process.env.CI && sum('skipped') > 0) {
      process.stdout.write('With CI set a skipped test is a failure.\n')
      process.exitCode = 1
    }
  }
}

function count(row: Row, test: TestCase): void {
  const result = test.result()
  if (result.state === 'passed') row.passed += 1
  else if (result.state === 'failed') row.failed += 1
  else {
    row.skipped += 1
    if (result.state === 'skipped' && result.note) row.reasons.add(result.note)
  }
}

/** `services/agent/src/x.test.ts` belongs to `services/agent`. */
function suiteOf(path: string): string {
  const parts = path.split('/')
  return parts[0] === 'services' || parts[0] === 'examples' ? parts.slice(0, 2).join('/') : (parts[0] ?? path)
}

const pad = (value: number): string => String(value).padStart(4)
