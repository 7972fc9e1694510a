import { readdirSync, statSync } from 'node:fs'

/**
 * Open files of a process, or -1 where that is not permitted. Since Linux 6.2 the directory's size is the count;
 * before, its size is 0 and the entries are counted, which is why callers ask rarely.
 */
export function countOpenFiles(directory: string): number {
  try {
    const size = statSync(directory).size
    return size > 0 ? size : readdirSync(directory).length
  } catch {
    return -1
  }
}
