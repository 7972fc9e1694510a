import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface SourceFile {
  /** Relative to the repository's root, with `/`. */
  readonly path: string
  readonly text: string
}

/** Files that git tracks or would track, with the given endings, without generated code. */
export function sources(...endings: string[]): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  return listed
    .toString()
    .split('\0')
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && !path.startsWith('proto/gen/'))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }]
      } catch {
        return [] // deleted in the working tree, not yet in the index
      }
    })
}

export const isTest = (path: string): boolean =>
  /(\.(test|contract|bench|tidy)|-(test-kit|rig))\.ts$/.test(path) || path.includes('/testing/')
