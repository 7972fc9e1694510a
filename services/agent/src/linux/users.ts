import { readFileSync, statSync } from 'node:fs'

/** Names of users by uid, from `/etc/passwd`; a uid without a name is written as its number. */
export interface Users {
  nameOf(uid: number): string
}

const REFRESH_MS = 60_000

/** Directories such as LDAP are not asked: a look-up there can hang, and a scan must not. */
export function createUsers(passwdPath: string, nowMs: () => number): Users {
  let names = new Map<number, string>()
  let modifiedMs = -1
  let checkedAtMs = Number.NEGATIVE_INFINITY

  const refresh = (): void => {
    if (nowMs() - checkedAtMs < REFRESH_MS) return
    checkedAtMs = nowMs()
    try {
      const modified = statSync(passwdPath).mtimeMs
      if (modified === modifiedMs) return
      modifiedMs = modified
      names = parsePasswd(readFileSync(passwdPath, 'utf8'))
    } catch {
      // Without the file, users are numbers: still true, only less friendly.
    }
  }
  return {
    nameOf: (uid) => {
      refresh()
      return names.get(uid) ?? String(uid)
    },
  }
}

export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name && uid && /^\d+$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}
