import { execFileSync } from 'node:child_process'
import { missing } from './server-process.ts'

/**
 * The first of these users that this machine has, for servers that refuse to run as root; undefined when we are
 * somebody else already. Errors: code `missing` when there is none of them.
 */
export function unprivilegedUser(...names: readonly string[]): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of names) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // This machine has no such user; the next may be there.
    }
  }
  throw missing(`This server cannot run as root, and there is no user ${names.join(' or ')}`)
}
